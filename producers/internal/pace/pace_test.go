package pace_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/producers/internal/pace"
)

// least and most are sources that draw the bounds.
type (
	least struct{}
	most  struct{}
)

func (least) Int64N(int64) int64  { return 0 }
func (most) Int64N(n int64) int64 { return n - 1 }

func TestKnownLagIsHalved(t *testing.T) {
	for _, test := range []struct{ behind, unchanged, want time.Duration }{
		{0, 0, 300 * time.Millisecond},
		{599 * time.Millisecond, 0, 300 * time.Millisecond},
		{600 * time.Millisecond, 0, 300 * time.Millisecond},
		{2 * time.Second, 0, time.Second},
		{30 * time.Second, 0, 15 * time.Second},
		{time.Hour, 0, 15 * time.Second},
		// Nothing has been decided since.
		{0, 600 * time.Millisecond, 300 * time.Millisecond},
		{0, 9 * time.Second, 4500 * time.Millisecond},
		{2 * time.Second, 4 * time.Second, 3 * time.Second},
		{0, time.Hour, 15 * time.Second},
		{2 * time.Second, -time.Hour, time.Second},
	} {
		l := pace.Lag{Behind: test.behind, Known: true, For: test.unchanged}
		for _, source := range []pace.Source{nil, least{}, most{}} {
			if got := pace.Queued(l, source); got != test.want {
				t.Errorf("%+v: %s, want %s", l, got, test.want)
			}
		}
	}
}

func TestUnknownLagSpreadsAndGrowsTheWait(t *testing.T) {
	for unknownFor, want := range map[time.Duration][2]time.Duration{
		-time.Second:     {2 * time.Second, 5 * time.Second},
		0:                {2 * time.Second, 5 * time.Second},
		2 * time.Second:  {3 * time.Second, 7 * time.Second},
		10 * time.Second: {7 * time.Second, 15 * time.Second},
		16 * time.Second: {10 * time.Second, 15 * time.Second},
		time.Hour:        {10 * time.Second, 15 * time.Second},
	} {
		l := pace.Lag{For: unknownFor}
		if got := [2]time.Duration{pace.Queued(l, least{}), pace.Queued(l, most{})}; got != want || pace.Queued(l, nil) != want[0] {
			t.Errorf("unknown for %s: %v, without a source %s; want %v", unknownFor, got, pace.Queued(l, nil), want)
		}
	}
	if got := pace.Queued(pace.Lag{Behind: time.Hour}, most{}); got != 5*time.Second {
		t.Errorf("a lag that is not known counts: %s", got)
	}
}

func TestWaitOfOrderWithRow(t *testing.T) {
	for _, s := range contracts.Statuses() {
		for unchanged, open := range map[time.Duration]time.Duration{
			-time.Second: time.Second, 0: time.Second, 2 * time.Second: time.Second, 5 * time.Second: 2500 * time.Millisecond, time.Hour: 5 * time.Second,
		} {
			want := [2]time.Duration{open, open}
			switch {
			case s.Settled():
				want = [2]time.Duration{}
			case s == contracts.AwaitingPayment:
				want = [2]time.Duration{2 * time.Second, 3 * time.Second}
			}
			if got := [2]time.Duration{pace.Row(s, unchanged, least{}), pace.Row(s, unchanged, most{})}; got != want {
				t.Errorf("%s for %s: %v, want %v", s, unchanged, got, want)
			}
		}
	}
}

func TestEstimateIsRoundedUpAndNeverZeroWithoutLag(t *testing.T) {
	for behind, want := range map[time.Duration]int{0: 0, 1: 1, time.Second: 1, time.Second + 1: 2} {
		if got := pace.WaitSeconds(pace.Lag{Behind: behind, Known: true, For: time.Hour}, time.Minute); got != want {
			t.Errorf("lag %s: %d s, want %d", behind, got, want)
		}
	}
	if got := pace.WaitSeconds(pace.Lag{}, 2001*time.Millisecond); got != 3 {
		t.Errorf("no lag known: %d s, want 3", got)
	}
}

// No wait of an order that is not settled is under 300 ms or over 15 s, and jitter uses its whole range.
func TestWaitsStayWithinBounds(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	seen := map[time.Duration]bool{}
	for range 20_000 {
		l := pace.Lag{Behind: time.Duration(random.Int64N(int64(time.Minute))), Known: random.IntN(2) == 0, For: time.Duration(random.Int64N(int64(time.Minute)))}
		if got := pace.Queued(l, random); got < 300*time.Millisecond || got > 15*time.Second {
			t.Fatalf("%+v: %s", l, got)
		}
		seen[pace.Queued(pace.Lag{}, random)] = true
	}
	if len(seen) < 2_500 {
		t.Errorf("20,000 draws from 3,001 waits gave %d of them", len(seen))
	}
}
