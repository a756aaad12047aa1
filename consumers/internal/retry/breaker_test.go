package retry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/consumers/internal/retry"
)

var errRefused = errors.New("condition refused")

// call makes a call that returns err, and reports whether it was made.
func call(ctx context.Context, b retry.Breaker, err error) (made bool, got error) {
	got = b.Do(ctx, func(context.Context) error { made = true; return err })
	return made, got
}

// open opens a breaker by that number of failures.
func open(t *testing.T, b retry.Breaker, failures int) {
	t.Helper()
	for range failures {
		if made, err := call(t.Context(), b, errBroken); !made || !errors.Is(err, errBroken) {
			t.Fatalf("made %t, error %v", made, err)
		}
	}
	if made, err := call(t.Context(), b, nil); made || !errors.Is(err, retry.ErrBreakerOpen) {
		t.Fatalf("after %d failures: made %t, error %v", failures, made, err)
	}
}

func TestBreakerOpensProbesAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes []string
		b := retry.NewBreaker("redis", retry.BreakerOptions{Failures: 3, OpenFor: 5 * time.Second, OnStateChange: func(name, from, to string) {
			changes = append(changes, name+": "+from+" to "+to)
		}})
		open(t, b, 3)
		time.Sleep(2 * time.Second)
		_, err := call(t.Context(), b, nil)
		if out := retry.Classify(err); out.Class != retry.ClassRetryable || out.NotBefore != 3*time.Second || out.After != 0 {
			t.Errorf("2 s after it opened for 5 s: %+v, want retryable, not before 3 s", out)
		}
		time.Sleep(3*time.Second + 1)
		if made, err := call(t.Context(), b, nil); !made || err != nil {
			t.Fatalf("probe: made %t, error %v", made, err)
		}
		if made, err := call(t.Context(), b, nil); !made || err != nil {
			t.Errorf("after a successful probe: made %t, error %v", made, err)
		}
		want := []string{"redis: closed to open", "redis: open to half-open", "redis: half-open to closed"}
		if !slices.Equal(changes, want) {
			t.Errorf("changes %v, want %v", changes, want)
		}
	})
}

func TestBreakerCountsConsecutiveFailures(t *testing.T) {
	b := retry.NewBreaker("redis", retry.BreakerOptions{Failures: 3})
	for range 5 {
		_, _ = call(t.Context(), b, errBroken)
		_, _ = call(t.Context(), b, errBroken)
		if made, err := call(t.Context(), b, nil); !made || err != nil {
			t.Fatalf("two failures and a success: made %t, error %v", made, err)
		}
	}
	open(t, b, 3)
}

// A failed probe opens the breaker again for the whole time.
func TestBreakerFailedProbeOpensAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBreaker("redis", retry.BreakerOptions{Failures: 1, OpenFor: 5 * time.Second})
		open(t, b, 1)
		for i := 1; i <= 3; i++ {
			time.Sleep(5*time.Second + 1)
			if made, _ := call(t.Context(), b, errBroken); !made {
				t.Fatalf("probe %d was not let through", i)
			}
			_, err := call(t.Context(), b, nil)
			if failing := retry.Classify(err).NotBefore; failing != 5*time.Second {
				t.Errorf("after failed probe %d: not before %s, want 5 s", i, failing)
			}
		}
	})
}

func TestHalfOpenBreakerLetsOneCallThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBreaker("redis", retry.BreakerOptions{Failures: 1, OpenFor: time.Second})
		open(t, b, 1)
		time.Sleep(time.Second + 1)
		gate := make(chan struct{})
		var mu sync.Mutex
		made, refused := 0, 0
		for range 10 {
			go func() {
				err := b.Do(t.Context(), func(context.Context) error {
					mu.Lock()
					made++
					mu.Unlock()
					<-gate
					return nil
				})
				mu.Lock()
				defer mu.Unlock()
				if errors.Is(err, retry.ErrBreakerOpen) && retry.Classify(err).NotBefore == 0 {
					refused++
				}
			}()
		}
		synctest.Wait()
		if made != 1 || refused != 9 {
			t.Errorf("%d calls made and %d refused, want 1 and 9", made, refused)
		}
		close(gate)
		synctest.Wait()
		if made, err := call(t.Context(), b, nil); !made || err != nil {
			t.Errorf("after the probe: made %t, error %v", made, err)
		}
	})
}

func TestBreakerCancelledAndTimedOutCallsAreFailures(t *testing.T) {
	for _, err := range []error{context.Canceled, context.DeadlineExceeded, fmt.Errorf("get: %w", context.DeadlineExceeded)} {
		b := retry.NewBreaker("redis", retry.BreakerOptions{Failures: 1})
		_, _ = call(t.Context(), b, err)
		if made, _ := call(t.Context(), b, nil); made {
			t.Errorf("%v did not open the breaker", err)
		}
	}
}

func TestBreakerCancelledProbeDoesNotClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBreaker("redis", retry.BreakerOptions{Failures: 1, OpenFor: time.Second})
		open(t, b, 1)
		time.Sleep(time.Second + 1)
		if made, _ := call(t.Context(), b, context.Canceled); !made {
			t.Fatal("no probe")
		}
		if made, err := call(t.Context(), b, nil); made || !errors.Is(err, retry.ErrBreakerOpen) {
			t.Errorf("after a cancelled probe: made %t, error %v", made, err)
		}
	})
}

func TestBreakerIsSuccessfulDecides(t *testing.T) {
	b := retry.NewBreaker("dynamodb", retry.BreakerOptions{Failures: 1, IsSuccessful: func(err error) bool {
		return err == nil || errors.Is(err, errRefused)
	}})
	for range 5 {
		if made, err := call(t.Context(), b, errRefused); !made || !errors.Is(err, errRefused) {
			t.Fatalf("made %t, error %v", made, err)
		}
	}
	open(t, b, 1)
}

// A call with an ended context says nothing about the dependency, and must not use up the probe.
func TestBreakerEndedContextCountsAsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		b := retry.NewBreaker("redis", retry.BreakerOptions{Failures: 1, OpenFor: time.Second})
		if made, err := call(ended, b, nil); made || !errors.Is(err, context.Canceled) {
			t.Fatalf("made %t, error %v", made, err)
		}
		open(t, b, 1)
		time.Sleep(time.Second + 1)
		_, _ = call(ended, b, nil)
		if made, err := call(t.Context(), b, nil); !made || err != nil {
			t.Errorf("made %t, error %v: the ended call took the probe", made, err)
		}
	})
}

func TestBreakerCountsAPanicAndLetsItThrough(t *testing.T) {
	b := retry.NewBreaker("redis", retry.BreakerOptions{Failures: 1})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = b.Do(t.Context(), func(context.Context) error { panic("boom") })
	}()
	if made, err := call(t.Context(), b, nil); made || !errors.Is(err, retry.ErrBreakerOpen) {
		t.Errorf("after a panic: made %t, error %v", made, err)
	}
}

func TestNoBreakerLetsEveryCallThrough(t *testing.T) {
	for range 100 {
		if made, err := call(t.Context(), retry.NoBreaker{}, errBroken); !made || !errors.Is(err, errBroken) {
			t.Fatalf("made %t, error %v", made, err)
		}
	}
}
