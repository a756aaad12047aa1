package paymenttest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"boxoffice/consumers/internal/adapters/memrate"
	"boxoffice/consumers/internal/pay"
)

// Clock stands still until it is advanced. It is safe for concurrent use.
type Clock struct{ micros atomic.Int64 }

// NewClock begins on an ordinary day.
func NewClock() *Clock {
	c := &Clock{}
	c.micros.Store(1_790_000_000_000_000)
	return c
}

// Now is the instant of the clock.
func (c *Clock) Now() time.Time { return time.UnixMicro(c.micros.Load()) }

// Advance moves the clock, whole microseconds.
func (c *Clock) Advance(d time.Duration) { c.micros.Add(d.Microseconds()) }

// OpenBucket makes full buckets with these rates and this clock.
type OpenBucket func(t *testing.T, rates pay.Rates, clock *Clock) pay.Bucket

// MemoryBucket is an OpenBucket of memrate.
func MemoryBucket(_ *testing.T, rates pay.Rates, clock *Clock) pay.Bucket {
	return memrate.New(rates, clock.Now)
}

// bucketFixture makes calls to a bucket.
type bucketFixture struct {
	*testing.T
	*Clock
	b pay.Bucket
}

// take returns the wait.
func (f *bucketFixture) take(c pay.Class) time.Duration {
	f.Helper()
	wait, err := f.b.Take(f.Context(), c)
	if err != nil || wait < 0 || wait > pay.MaxTurn {
		f.Fatalf("take %s: %v, %v", c, wait, err)
	}
	return wait
}

// takes returns how many of n calls of a class get a token now.
func (f *bucketFixture) takes(c pay.Class, n int) (taken int) {
	f.Helper()
	for range n {
		if f.take(c) == 0 {
			taken++
		}
	}
	return taken
}

// ExerciseBuckets runs the suite of buckets.
func ExerciseBuckets(t *testing.T, open OpenBucket) {
	for name, check := range map[string]func(f *bucketFixture){
		"opening leaves four tenths to settling": func(f *bucketFixture) {
			if n := f.takes(pay.Opening, 20); n != 6 {
				f.Errorf("opening took %d of 10", n)
			}
			if n := f.takes(pay.Settling, 20); n != 4 {
				f.Errorf("settling took %d of what was left", n)
			}
		},
		"settling may take all, and reads have a bucket of their own": func(f *bucketFixture) {
			for range 2 {
				if n := f.takes(pay.Settling, 20); n != 10 {
					f.Errorf("settling took %d", n)
				}
				// However long no call comes, the bucket holds no more.
				f.Advance(time.Hour)
			}
			if n := f.takes(pay.Reading, 20); n != 10 {
				f.Errorf("reading took %d", n)
			}
		},
		"an audit leaves four tenths to reads of orders": func(f *bucketFixture) {
			if n := f.takes(pay.Auditing, 20); n != 6 {
				f.Errorf("auditing took %d of 10", n)
			}
			if n := f.takes(pay.Reading, 20); n != 4 {
				f.Errorf("reading took %d of what was left", n)
			}
			if n := f.takes(pay.Settling, 20); n != 10 {
				f.Errorf("settling took %d", n)
			}
		},
		"a caller that waits for its turn gets a token, if no other calls": func(f *bucketFixture) {
			for _, c := range pay.Classes() {
				f.Advance(time.Minute)
				wait := f.take(c)
				for wait == 0 {
					wait = f.take(c)
				}
				f.Advance(wait - time.Microsecond)
				if f.take(c) == 0 {
					f.Errorf("%s: a token before the turn, after %v", c, wait)
				}
				f.Advance(time.Microsecond)
				if again := f.take(c); again != 0 {
					f.Errorf("%s: no token at the turn, after %v, but a wait of %v", c, wait, again)
				}
			}
		},
		"turns follow one another at the rate, up to the longest wait": func(f *bucketFixture) {
			f.takes(pay.Opening, 6)
			first := f.take(pay.Opening)
			for n := range 3100 {
				want := min(first+time.Duration(n+1)*10*time.Millisecond, pay.MaxTurn)
				if got := f.take(pay.Opening); got != want {
					f.Fatalf("turn %d after %v, want %v", n+1, got, want)
				}
			}
		},
		"at most the rate and a tenth in a second, and the rate over time": func(f *bucketFixture) {
			var at []time.Time
			for range 2000 {
				if f.take(pay.Settling) == 0 {
					at = append(at, f.Now())
				}
				f.Advance(5 * time.Millisecond)
			}
			if n := len(at); n < 1000 || n > 1010 {
				f.Errorf("%d in ten seconds", n)
			}
			for i := range at {
				if j := i + 110; j < len(at) && at[j].Sub(at[i]) < time.Second {
					f.Fatalf("111 calls within %v", at[j].Sub(at[i]))
				}
			}
		},
		"settling does not wait for opening": func(f *bucketFixture) {
			opened, settled := 0, 0
			for step := range 2000 {
				// Opening gets all that it may, and 40 calls a second settle.
				opened += f.takes(pay.Opening, 2)
				if step%5 == 0 {
					if wait := f.take(pay.Settling); wait != 0 {
						f.Fatalf("settling waits %v in step %d", wait, step)
					}
					settled++
				}
				f.Advance(5 * time.Millisecond)
			}
			if settled != 400 || opened < 590 || opened > 620 {
				f.Errorf("opened %d, settled %d in ten seconds", opened, settled)
			}
		},
		"a clock that goes back adds no tokens and takes none": func(f *bucketFixture) {
			f.takes(pay.Settling, 7)
			f.Advance(-time.Hour)
			if n := f.takes(pay.Settling, 20); n != 3 {
				f.Errorf("%d after the clock went back", n)
			}
			f.Advance(10 * time.Millisecond)
			if f.take(pay.Settling) != 0 {
				f.Error("the bucket waits for the hour that came twice")
			}
		},
		"50 concurrent calls get exactly the tokens that there are": func(f *bucketFixture) {
			var taken atomic.Int64
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					if wait, err := f.b.Take(f.Context(), pay.Settling); err == nil && wait == 0 {
						taken.Add(1)
					}
				})
			}
			all.Wait()
			if n := taken.Load(); n != 10 {
				f.Errorf("%d tokens", n)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			clock := NewClock()
			check(&bucketFixture{T: t, Clock: clock, b: open(t, pay.LiveRates, clock)})
		})
	}
	t.Run("a slow bucket gives a token too", func(t *testing.T) {
		for _, rates := range []pay.Rates{pay.TestRates, {Writes: 1, Reads: 1}, pay.LiveRates.Share(0.001), {Writes: 7, Reads: 3}} {
			for _, c := range pay.Classes() {
				clock := NewClock()
				f := &bucketFixture{T: t, Clock: clock, b: open(t, rates, clock)}
				f.takes(c, 100)
				taken := 0
				for range 200 {
					f.Advance(20 * time.Millisecond)
					taken += f.takes(c, 1)
				}
				if want := 4 * int(rates.Of(c).PerSecond); taken < want-1 || taken > want+1 {
					t.Errorf("%+v, %s: %d in four seconds", rates, c, taken)
				}
			}
		}
	})
}

// AgreeOnBuckets compares buckets with memrate over random calls.
func AgreeOnBuckets(t *testing.T, open OpenBucket) {
	rapid.Check(t, func(r *rapid.T) {
		rates := pay.Rates{Writes: rapid.IntRange(1, 200).Draw(r, "writes"), Reads: rapid.IntRange(1, 200).Draw(r, "reads")}
		clock := NewClock()
		model, tested := MemoryBucket(t, rates, clock), open(t, rates, clock)
		for range rapid.IntRange(1, 60).Draw(r, "calls") {
			clock.Advance(time.Duration(rapid.Int64Range(-1000, 200_000).Draw(r, "advance")) * time.Microsecond)
			c := rapid.SampledFrom(pay.Classes()).Draw(r, "class")
			want, _ := model.Take(t.Context(), c)
			got, err := tested.Take(t.Context(), c)
			if err != nil || got != want {
				r.Fatalf("take %s: %v, %v; memory says %v", c, got, err, want)
			}
		}
	})
}
