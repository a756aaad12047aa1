package pace_test

import (
	"container/heap"
	"math/rand/v2"
	"testing"
	"time"

	"boxoffice/producers/internal/pace"
)

// crowd is how many clients follow their orders.
const crowd = 100_000

// visits has the instants of the next request of each client, the earliest first.
type visits []visit

type visit struct{ at, wait time.Duration }

func (v visits) Len() int           { return len(v) }
func (v visits) Less(i, j int) bool { return v[i].at < v[j].at }
func (v visits) Swap(i, j int)      { v[i], v[j] = v[j], v[i] }
func (v *visits) Push(x any)        { *v = append(*v, x.(visit)) } //nolint:forcetypeassert // heap gives what it was given
func (v *visits) Pop() any {
	last := (*v)[len(*v)-1]
	*v = (*v)[:len(*v)-1]
	return last
}

// requestsPerSecond simulates a minute in which nothing is decided: all clients order within the first second, and each asks
// again when it is told to, by the time since the last decision and its last wait.
func requestsPerSecond(told func(now, last time.Duration) time.Duration) (perSecond []int) {
	random := rand.New(rand.NewPCG(17, 0))
	all := make(visits, crowd)
	for i := range all {
		all[i].at = time.Duration(random.Int64N(int64(time.Second)))
	}
	heap.Init(&all)
	const seconds = 60
	perSecond = make([]int, seconds)
	for all[0].at < seconds*time.Second {
		now := all[0].at
		perSecond[now/time.Second]++
		all[0].wait = told(now, all[0].wait)
		all[0].at += all[0].wait
		heap.Fix(&all, 0)
	}
	return perSecond
}

// With reserve stopped, 100,000 clients make at most 40,000 requests in any second after the one in which they order, and at most
// 11,000 once half a minute has passed. If the last decision was a fast one, its lag is shown for 10 s, and they make up to
// 180,000 requests in the second after it and at most 60,000 from the fourth second on.
func TestCrowdIsSpreadWhileNothingIsDecided(t *testing.T) {
	var random *rand.Rand
	unknown := func(now, _ time.Duration) time.Duration { return pace.Queued(pace.Lag{For: now}, random) }
	const stands = 10 * time.Second
	lagStands := func(now, _ time.Duration) time.Duration {
		if now < stands {
			return pace.Queued(pace.Lag{Known: true, For: now}, random)
		}
		return pace.Queued(pace.Lag{For: now - stands}, random)
	}
	// A process that has just started has measured nothing, so it states the first wait each time. Clients that double their wait
	// are spread all the same.
	doubling := func(_, last time.Duration) time.Duration {
		own := min(2*last, 15*time.Second)
		return max(pace.Queued(pace.Lag{}, random), own-time.Duration(random.Int64N(int64(own/4)+1)))
	}
	for name, test := range map[string]struct {
		told                     func(now, last time.Duration) time.Duration
		first, fourth, thirtieth int
	}{
		"no lag known":                      {unknown, 40_000, 40_000, 11_000},
		"no lag known, and clients double":  {doubling, 40_000, 40_000, 11_000},
		"a lag of nothing that stands 10 s": {lagStands, 180_000, 60_000, 11_000},
	} {
		t.Run(name, func(t *testing.T) {
			random = rand.New(rand.NewPCG(1, 1))
			perSecond := requestsPerSecond(test.told)
			for second, looks := range perSecond {
				want := crowd * 4 // the second in which they order
				switch {
				case second >= 30:
					want = test.thirtieth
				case second >= 4:
					want = test.fourth
				case second >= 1:
					want = test.first
				}
				if looks > want {
					t.Errorf("second %d: %d requests, want at most %d", second, looks, want)
				}
			}
			t.Logf("looks a second: %v", perSecond)
		})
	}
}
