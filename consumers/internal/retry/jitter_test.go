package retry_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"boxoffice/consumers/internal/retry"
)

// edge is a source that always returns its lowest or its highest number.
type edge struct{ highest bool }

func (e edge) Int64N(n int64) int64 {
	if e.highest {
		return n - 1
	}
	return 0
}

func TestJitterCeilingDoublesUpToTheLimit(t *testing.T) {
	highest := retry.NewFullJitter(time.Second, retry.MaxVisibility, edge{highest: true})
	for attempt, want := range map[int]time.Duration{
		-5: time.Second, 0: time.Second, 1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 4: 8 * time.Second, 5: 16 * time.Second,
		6: 30 * time.Second, 7: 30 * time.Second, 100: 30 * time.Second, 900: 30 * time.Second, 1000: 30 * time.Second, 64: 30 * time.Second, 1 << 40: 30 * time.Second,
	} {
		if got := highest.Delay(attempt); got != want {
			t.Errorf("most after attempt %d = %s, want %s", attempt, got, want)
		}
	}
	lowest := retry.NewFullJitter(time.Second, retry.MaxVisibility, edge{})
	if got := lowest.Delay(9); got != 0 {
		t.Errorf("least = %s, want 0: full jitter starts at 0", got)
	}
}

func TestJitterCountsAndResets(t *testing.T) {
	j := retry.NewFullJitter(time.Second, 10*time.Second, edge{highest: true})
	for _, want := range []time.Duration{1, 2, 4, 8, 10, 10} {
		if got := j.NextBackOff(); got != want*time.Second {
			t.Fatalf("NextBackOff = %s, want %s", got, want*time.Second)
		}
	}
	if got := j.Delay(2); got != 2*time.Second {
		t.Errorf("Delay(2) = %s, want 2 s whatever the count is", got)
	}
	j.Reset()
	if got := j.NextBackOff(); got != time.Second {
		t.Errorf("after Reset = %s, want 1 s", got)
	}
}

func TestJitterIsInBoundsAndReproducible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := time.Duration(rapid.Int64Range(-5, int64(time.Hour)).Draw(t, "base"))
		limit := time.Duration(rapid.Int64Range(-5, 1<<62).Draw(t, "limit"))
		attempt := rapid.IntRange(-3, 200).Draw(t, "attempt")
		seed := rapid.Uint64().Draw(t, "seed")
		draw := func() time.Duration {
			return retry.NewFullJitter(base, limit, rand.New(rand.NewPCG(seed, 1))).Delay(attempt)
		}
		got := draw()
		if got < 0 || got > max(limit, base, 1) {
			t.Fatalf("Delay = %s, outside 0 to %s", got, limit)
		}
		if again := draw(); again != got {
			t.Fatalf("the same seed gave %s and %s", got, again)
		}
	})
}

// Callers that failed together must not retry together: each quarter of the interval gets its share of the draws.
func TestJitterIsUniform(t *testing.T) {
	j := retry.NewFullJitter(time.Second, time.Second, rand.New(rand.NewPCG(1, 2)))
	var quarters [4]int
	const draws = 4000
	for range draws {
		quarters[min(int(j.Delay(1)*4/time.Second), 3)]++
	}
	for i, n := range quarters {
		if n < draws/4*9/10 || n > draws/4*11/10 {
			t.Errorf("quarter %d has %d of %d draws", i, n, draws)
		}
	}
}

// A *rand.Rand is not safe for concurrent use; the race detector checks that FullJitter serialises its calls.
func TestJitterIsSafeForConcurrentUse(t *testing.T) {
	j := retry.NewFullJitter(time.Millisecond, time.Second, rand.New(rand.NewPCG(3, 4)))
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			for range 500 {
				if d := j.NextBackOff(); d < 0 || d > time.Second {
					t.Errorf("NextBackOff = %s", d)
				}
				j.Delay(3)
				j.Reset()
			}
		})
	}
	running.Wait()
}

func TestSystemSourceDrawsEveryNumber(t *testing.T) {
	seen := map[int64]bool{}
	for range 200 {
		n := retry.SystemSource().Int64N(4)
		if n < 0 || n > 3 {
			t.Fatalf("Int64N(4) = %d", n)
		}
		seen[n] = true
	}
	if len(seen) != 4 {
		t.Errorf("200 draws of 4 gave %d values", len(seen))
	}
}
