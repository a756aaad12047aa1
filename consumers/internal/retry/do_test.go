package retry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"

	"boxoffice/consumers/internal/retry"
)

var errBroken = errors.New("connection broke")

// calls runs Do in a bubble and returns the times since its start at which each attempt was made and Do returned.
func calls(ctx context.Context, t *testing.T, p retry.Policy, op func(n int) error) (at []time.Duration, ended time.Duration, err error) {
	t.Helper()
	begin := time.Now()
	err = retry.Do(ctx, p, func(context.Context) error {
		at = append(at, time.Since(begin))
		return op(len(at))
	})
	return at, time.Since(begin), err
}

func wantTimes(t *testing.T, got []time.Duration, want ...time.Duration) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("attempts at %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("attempt %d at %s, want %s", i+1, got[i], want[i])
		}
	}
}

// always returns an operation that always returns err.
func always(err error) func(int) error { return func(int) error { return err } }

// longest draws the longest possible jitter, so that times are exact.
var longest = retry.Policy{Attempts: 4, Elapsed: time.Minute, Base: time.Second, Limit: 3 * time.Second, Source: edge{highest: true}}

func TestDoStopsWhenItSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, _, err := calls(t.Context(), t, longest, func(n int) error {
			if n < 3 {
				return errBroken
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		wantTimes(t, at, 0, time.Second, 3*time.Second)
	})
}

func TestDoGivesUpAfterAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, _, err := calls(t.Context(), t, longest, always(errBroken))
		if !errors.Is(err, errBroken) || err.Error() != "gave up after 4 attempts: connection broke" {
			t.Errorf("error = %v", err)
		}
		wantTimes(t, at, 0, time.Second, 3*time.Second, 6*time.Second)
	})
}

func TestDoGivesUpBeforeAWaitPastElapsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := longest
		p.Elapsed = 5 * time.Second
		at, ended, err := calls(t.Context(), t, p, always(errBroken))
		if !errors.Is(err, errBroken) {
			t.Errorf("error = %v", err)
		}
		wantTimes(t, at, 0, time.Second, 3*time.Second)
		if ended != 3*time.Second {
			t.Errorf("returned at %s: it waited for an attempt that it must not make", ended)
		}
	})
}

func TestDoGivesUpBeforeAWaitPastTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The wait of 2 s after the second attempt would end exactly at the deadline: no time for an attempt.
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		at, ended, err := calls(ctx, t, longest, always(errBroken))
		if !errors.Is(err, errBroken) {
			t.Errorf("error = %v", err)
		}
		wantTimes(t, at, 0, time.Second)
		if ended != time.Second {
			t.Errorf("returned at %s, want 1 s: the rest of the time is the caller's", ended)
		}
	})
}

func TestDoStopsAtOnce(t *testing.T) {
	poison := &retry.PoisonError{Reason: "p", Err: errBroken}
	for name, err := range map[string]error{"permanent": retry.Permanent(errBroken), "poison": poison} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at, _, got := calls(t.Context(), t, longest, always(err))
				wantTimes(t, at, 0)
				if !errors.Is(got, errBroken) || retry.Classify(got).Class != retry.Classify(err).Class {
					t.Errorf("error = %v, want it unchanged", got)
				}
			})
		})
	}
}

func TestDoWaitsForTheAskedDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, _, err := calls(t.Context(), t, longest, func(n int) error {
			if n == 1 {
				return retry.WithDelay(20*time.Second, errBroken)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		wantTimes(t, at, 0, 20*time.Second)
	})
}

// A Failing error never shortens a wait, and no wait ends before its time.
func TestDoWaitsAtLeastAsLongAsAttemptsFail(t *testing.T) {
	for failing, want := range map[time.Duration]time.Duration{time.Millisecond: time.Second, 7 * time.Second: 7 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			at, _, err := calls(t.Context(), t, longest, func(n int) error {
				if n == 1 {
					return &retry.BreakerOpenError{After: failing}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			wantTimes(t, at, 0, want)
		})
	}
}

func TestDoGivesUpWhenTheAskedDelayDoesNotFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, _, err := calls(t.Context(), t, longest, always(retry.WithDelay(time.Hour, errBroken)))
		wantTimes(t, at, 0)
		if retry.Classify(err).After != time.Hour {
			t.Errorf("the delay is lost from %v, so sqsbatch cannot use it", err)
		}
	})
}

func TestDoEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		stopped := errors.New("shutting down")
		time.AfterFunc(1500*time.Millisecond, func() { cancel(stopped) })
		at, ended, err := calls(ctx, t, longest, always(errBroken))
		wantTimes(t, at, 0, time.Second)
		if ended != 1500*time.Millisecond || !errors.Is(err, stopped) || !errors.Is(err, errBroken) {
			t.Errorf("at %s: %v, want the cause and the last error at 1.5 s", ended, err)
		}
	})
}

func TestDoDoesNotStartWithAnEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	at, _, err := calls(ctx, t, retry.Policy{}, always(nil))
	if len(at) != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d attempts, error %v", len(at), err)
	}
}

func TestDoDefaultsAreShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, ended, err := calls(t.Context(), t, retry.Policy{}, always(errBroken))
		if len(at) != 3 || !errors.Is(err, errBroken) || ended > time.Second {
			t.Errorf("%d attempts in %s: %v", len(at), ended, err)
		}
	})
}

func TestDoTriesAgainOnlyIfAgainAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := longest
		errOther := errors.New("another")
		p.Again = func(err error) bool { return errors.Is(err, errBroken) }
		at, _, err := calls(t.Context(), t, p, func(n int) error {
			if n == 1 {
				return errBroken
			}
			return errOther
		})
		if !errors.Is(err, errOther) {
			t.Errorf("error = %v", err)
		}
		wantTimes(t, at, 0, time.Second)
		at, _, err = calls(t.Context(), t, p, always(errOther))
		wantTimes(t, at, 0)
		if err != errOther { //nolint:errorlint // the very same error
			t.Errorf("error = %v, want it unchanged", err)
		}
	})
}

func TestDoAddsTheJitterToLeast(t *testing.T) {
	for _, c := range []struct {
		source edge
		want   time.Duration
	}{{edge{}, 5 * time.Second}, {edge{highest: true}, 6 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			p := longest
			p.Least, p.Source = 5*time.Second, c.source
			at, _, _ := calls(t.Context(), t, p, func(n int) error {
				if n == 1 {
					return errBroken
				}
				return nil
			})
			wantTimes(t, at, 0, c.want)
		})
	}
}

// Each attempt except the last has its own time, so that an attempt that hangs leaves time for another; the last one may take the
// rest of the time.
func TestDoBoundsEachAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := longest
		p.Attempts, p.PerAttempt = 2, 3*time.Second
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		var ended []time.Duration
		err := retry.Do(ctx, p, func(ctx context.Context) error {
			<-ctx.Done()
			ended = append(ended, time.Since(began))
			return ctx.Err()
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v", err)
		}
		wantTimes(t, ended, 3*time.Second, time.Minute)
	})
}

// Timeout bounds the first attempt as well as later ones, and no wait goes past it.
func TestDoBoundsTheWhole(t *testing.T) {
	for name, c := range map[string]struct {
		policy retry.Policy
		hangs  int
		at     []time.Duration
		ended  time.Duration
	}{
		"one attempt that hangs":       {retry.Policy{Attempts: 1}, 1, []time.Duration{0}, 5 * time.Second},
		"the first of several hangs":   {retry.Policy{Attempts: 3}, 1, []time.Duration{0}, 5 * time.Second},
		"the second hangs":             {retry.Policy{Attempts: 2}, 2, []time.Duration{0, time.Second}, 5 * time.Second},
		"the first hangs for its time": {retry.Policy{Attempts: 2, PerAttempt: 2 * time.Second}, 1, []time.Duration{0, 3 * time.Second}, 3 * time.Second},
		"both hang":                    {retry.Policy{Attempts: 2, PerAttempt: 2 * time.Second}, 3, []time.Duration{0, 3 * time.Second}, 5 * time.Second},
		"a wait would go past it":      {retry.Policy{Attempts: 9}, 0, []time.Duration{0, time.Second, 3 * time.Second}, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := c.policy
				p.Timeout, p.Elapsed, p.Base, p.Limit, p.Source = 5*time.Second, time.Minute, time.Second, 3*time.Second, edge{highest: true}
				began, attempts := time.Now(), 0
				var at []time.Duration
				err := retry.Do(t.Context(), p, func(ctx context.Context) error {
					at, attempts = append(at, time.Since(began)), attempts+1
					if attempts == c.hangs || c.hangs == 3 {
						<-ctx.Done()
						return ctx.Err()
					}
					return errBroken
				})
				if took := time.Since(began); err == nil || took != c.ended {
					t.Errorf("took %s, want %s; error %v", took, c.ended, err)
				}
				wantTimes(t, at, c.at...)
			})
		})
	}
}

// instant is a timer that fires at once and records its durations.
type instant struct {
	asked *[]time.Duration
	c     chan time.Time
}

func (i instant) Start(d time.Duration) { *i.asked = append(*i.asked, d); i.c <- time.Time{} }
func (i instant) Stop()                 {}
func (i instant) C() <-chan time.Time   { return i.c }

func TestDoUsesTheTimerItIsGiven(t *testing.T) {
	var asked []time.Duration
	p := longest
	p.Timer = func() backoff.Timer { return instant{asked: &asked, c: make(chan time.Time, 1)} }
	now := time.Unix(0, 0)
	p.Now = func() time.Time { return now }
	at, _, err := calls(t.Context(), t, p, always(errBroken))
	if len(at) != 4 || !errors.Is(err, errBroken) {
		t.Errorf("%d attempts, error %v", len(at), err)
	}
	wantTimes(t, asked, time.Second, 2*time.Second, 3*time.Second)
}
