package awsclient

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/retry"
)

// edge draws the shortest or the longest wait.
type edge struct{ longest bool }

func (e edge) Int64N(n int64) int64 {
	if e.longest {
		return n - 1
	}
	return 0
}

var (
	errReset  = errors.New("connection reset by peer")
	throttled = &types.ProvisionedThroughputExceededException{}
)

// Try makes a second attempt only for some errors, and never a third.
func TestTryMakesASecondAttemptWhereItMayHelp(t *testing.T) {
	condition, conflict := "ConditionalCheckFailed", "TransactionConflict"
	for name, c := range map[string]struct {
		err      error
		attempts int
	}{
		"nothing":                 {nil, 1},
		"a throttle":              {throttled, 2},
		"a broken connection":     {errReset, 2},
		"a failure of the table":  {&types.InternalServerError{}, 2},
		"a refused condition":     {&types.ConditionalCheckFailedException{}, 1},
		"a conflict":              {&types.TransactionConflictException{}, 1},
		"a cancelled condition":   {&types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{{Code: &condition}}}, 1},
		"a cancelled conflict":    {&types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{{Code: &conflict}}}, 1},
		"a table that is none":    {&types.ResourceNotFoundException{}, 1},
		"another request's token": {&types.IdempotentParameterMismatchException{}, 1},
		"poison":                  {&retry.PoisonError{Reason: "p", Err: errReset}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				attempts := 0
				err := Try(t.Context(), 2*time.Second, func(context.Context) error { attempts++; return c.err })
				if attempts != c.attempts || !errors.Is(err, c.err) {
					t.Errorf("%d attempts, want %d; error %v", attempts, c.attempts, err)
				}
			})
		})
	}
}

// The wait is 50 to 500 ms, and shorter only where there is less time.
func TestTryWaits(t *testing.T) {
	for _, c := range []struct{ timeout, shortest, longest time.Duration }{
		{2 * time.Second, 50 * time.Millisecond, 500 * time.Millisecond},
		{10 * time.Second, 50 * time.Millisecond, 500 * time.Millisecond},
		{time.Second, 50 * time.Millisecond, 250 * time.Millisecond},
		{100 * time.Millisecond, 25 * time.Millisecond, 25 * time.Millisecond},
	} {
		for _, source := range []edge{{false}, {true}} {
			t.Run(fmt.Sprint(c.timeout, source.longest), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					began, made := time.Now(), 0
					err := try(t.Context(), c.timeout, retry.Policy{Attempts: attempts, Source: source}, func(context.Context) error {
						if made++; made == 1 {
							return throttled
						}
						return nil
					})
					want := c.shortest
					if source.longest {
						want = c.longest
					}
					if took := time.Since(began); err != nil || (took-want).Abs() > time.Microsecond {
						t.Errorf("waited %s, want %s; error %v", took, want, err)
					}
				})
			})
		}
	}
}

// A first attempt that hangs leaves time for a second, and both together end within the call's timeout and the caller's.
func TestTryLeavesTimeForASecondAttempt(t *testing.T) {
	for _, c := range []struct{ timeout, left, first, least time.Duration }{
		{2 * time.Second, time.Minute, time.Second, 500 * time.Millisecond},
		{1500 * time.Millisecond, time.Minute, 750 * time.Millisecond, 375 * time.Millisecond},
		{2 * time.Second, 800 * time.Millisecond, 400 * time.Millisecond, 200 * time.Millisecond},
		{time.Second, 250 * time.Millisecond, 125 * time.Millisecond, 62 * time.Millisecond},
	} {
		t.Run(fmt.Sprint(c.timeout, " of ", c.left), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.left)
				defer cancel()
				began := time.Now()
				var ends, begins []time.Duration
				err := try(ctx, c.timeout, retry.Policy{Attempts: attempts, Source: edge{longest: true}}, func(ctx context.Context) error {
					begins = append(begins, time.Since(began))
					<-ctx.Done()
					ends = append(ends, time.Since(began))
					return ctx.Err()
				})
				most := min(c.timeout, c.left)
				if !errors.Is(err, context.DeadlineExceeded) || len(ends) != 2 || ends[0] != c.first || ends[1] != most || ends[1]-begins[1] < c.least {
					t.Errorf("attempts from %v to %v, error %v", begins, ends, err)
				}
			})
		})
	}
}

// After its caller's context has ended, Try makes no second attempt.
func TestTryEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		attempts := 0
		err := Try(ctx, 2*time.Second, func(context.Context) error { attempts++; cancel(); return errReset })
		if attempts != 1 || !errors.Is(err, errReset) {
			t.Errorf("%d attempts, error %v", attempts, err)
		}
		if err := Try(ctx, 2*time.Second, func(context.Context) error { attempts++; return nil }); !errors.Is(err, context.Canceled) || attempts != 1 {
			t.Errorf("%d attempts, error %v", attempts, err)
		}
	})
}

// Four attempts fit into the time of two, also where each takes its whole share.
func TestInsistMakesFourAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, made := time.Now(), 0
		err := Insist(t.Context(), 240*time.Millisecond, func(context.Context) error { made++; return throttled })
		if took := time.Since(began); made != 4 || !errors.Is(err, throttled) || took > 91*time.Millisecond {
			t.Errorf("%d attempts in %s, error %v", made, took, err)
		}
		began, made = time.Now(), 0
		err = Insist(t.Context(), 240*time.Millisecond, func(ctx context.Context) error { made++; <-ctx.Done(); return ctx.Err() })
		if took := time.Since(began); made < 3 || !errors.Is(err, context.DeadlineExceeded) || took > 240*time.Millisecond {
			t.Errorf("%d attempts in %s, error %v", made, took, err)
		}
	})
}

func TestOnceIsOneAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, attempts := time.Now(), 0
		err := Once(t.Context(), time.Second, func(ctx context.Context) error { attempts++; <-ctx.Done(); return throttled })
		if took := time.Since(began); attempts != 1 || !errors.Is(err, throttled) || took != time.Second {
			t.Errorf("%d attempts in %s, error %v", attempts, took, err)
		}
	})
}

// BenchmarkTry measures what Try adds to a call that succeeds at once, with its breaker, with and without the observer of a
// deployed function.
func BenchmarkTry(b *testing.B) {
	plain := retry.NewBreaker("dynamodb", retry.BreakerOptions{})
	for name, breaker := range map[string]retry.Breaker{
		"plain": plain, "observed": retry.Observed(plain, ResultOf, func(retry.Result, time.Duration) {}, time.Now),
	} {
		b.Run(name, func(b *testing.B) {
			ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
			defer cancel()
			b.ReportAllocs()
			for b.Loop() {
				if err := breaker.Do(ctx, func(ctx context.Context) error {
					return Try(ctx, 2*time.Second, func(context.Context) error { return nil })
				}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
