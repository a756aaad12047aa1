package cpushare

import (
	"testing"
	"time"
)

func TestShareOfMemory(t *testing.T) {
	for megabytes, want := range map[int]float64{256: 0.145, 512: 0.289, 1769: 1} {
		if got := Of(megabytes); got < want-0.001 || got > want+0.001 {
			t.Errorf("%d MB are %.4f of a processor, want %.3f", megabytes, got, want)
		}
	}
}

// A budget allows its share on average, however the use is distributed, and at most the share of one period more.
func TestBudgetAllowsItsShare(t *testing.T) {
	for name, use := range map[string]struct{ used, elapsed time.Duration }{
		"one thread":                {time.Millisecond, time.Millisecond},
		"two threads":               {2 * time.Millisecond, time.Millisecond},
		"checked late":              {30 * time.Millisecond, 30 * time.Millisecond},
		"waits more than it works":  {100 * time.Microsecond, time.Millisecond},
		"has just the share":        {145 * time.Microsecond, time.Millisecond},
		"does nothing for a second": {0, time.Second},
	} {
		const share = 0.145
		b := newBudget(share)
		var used, all time.Duration
		stops := 0
		for all < time.Minute {
			stop := b.spend(use.used, use.elapsed)
			used, all = used+use.used, all+use.elapsed+stop
			if stop > 0 {
				stops++
				b.spend(0, stop)
			}
			if limit := time.Duration(share*float64(all)) + b.full + use.used; used > limit {
				t.Fatalf("%s: %s used in %s, at most %s", name, used, all, limit)
			}
		}
		got, demand := used.Seconds()/all.Seconds(), use.used.Seconds()/use.elapsed.Seconds()
		if demand < share && stops > 0 {
			t.Errorf("%s: stopped %d times", name, stops)
		}
		if demand >= 2*share && (got < share-0.005 || got > share+0.005) {
			t.Errorf("%s: share %.3f, want %.3f", name, got, share)
		}
	}
}
