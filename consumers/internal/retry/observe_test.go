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

// recorder records the calls of an observer, in order.
type recorder struct {
	mu    sync.Mutex
	calls []string
}

func (h *recorder) observe(result retry.Result, took time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, fmt.Sprint(result, " ", took))
}

func (h *recorder) around(b retry.Breaker) retry.Breaker {
	return retry.Observed(b, func(err error) retry.Result {
		if errors.Is(err, errRefused) {
			return retry.ResultRefused
		}
		return retry.ResultUnknown
	}, h.observe, time.Now)
}

func (h *recorder) want(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(h.calls, want) {
		t.Errorf("reported %q, want %q", h.calls, want)
	}
	h.calls = nil
}

func taking(d time.Duration, err error) func(context.Context) error {
	return func(context.Context) error { time.Sleep(d); return err }
}

func TestObservedReportsEachCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &recorder{}
		b := h.around(retry.NewBreaker("redis", retry.BreakerOptions{Failures: 2, OpenFor: 5 * time.Second}))
		for _, err := range []error{nil, errRefused, errBroken} {
			if got := b.Do(t.Context(), taking(time.Second, err)); !errors.Is(got, err) {
				t.Errorf("got %v, want %v", got, err)
			}
		}
		h.want(t, "ok 1s", "refused 1s", "unknown 1s")
		if err := b.Do(t.Context(), taking(time.Hour, nil)); !errors.Is(err, retry.ErrBreakerOpen) {
			t.Errorf("got %v", err)
		}
		h.want(t, "open 0s")
		// With an ended context no call is made.
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := b.Do(ended, taking(time.Hour, nil)); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		h.want(t)
	})
}

// If the operation calls Do, each attempt is reported, also of several concurrent ones, and the operation itself is not.
func TestObservedReportsEachAttemptOfDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &recorder{}
		b := h.around(retry.NoBreaker{})
		p := longest
		err := b.Do(t.Context(), func(ctx context.Context) error {
			attempts := 0
			return retry.Do(ctx, p, func(ctx context.Context) error {
				attempts++
				if attempts == 1 {
					return taking(time.Second, errBroken)(ctx)
				}
				return taking(2*time.Second, nil)(ctx)
			})
		})
		if err != nil {
			t.Error(err)
		}
		h.want(t, "unknown 1s", "ok 2s")
		_ = b.Do(t.Context(), func(ctx context.Context) error {
			var all sync.WaitGroup
			for n := range 3 {
				all.Go(func() { _ = retry.Do(ctx, p, taking(time.Duration(n+1)*time.Second, nil)) })
			}
			all.Wait()
			return errBroken
		})
		h.want(t, "ok 1s", "ok 2s", "ok 3s")
	})
}

// A call past the breaker is reported, and does not change the breaker's state.
func TestPastIsReportedAndDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &recorder{}
		plain := retry.NewBreaker("dynamodb", retry.BreakerOptions{Failures: 1})
		open(t, plain, 1)
		for _, b := range []retry.Breaker{plain, h.around(plain)} {
			if err := retry.Past(t.Context(), b, taking(time.Second, errRefused)); !errors.Is(err, errRefused) {
				t.Errorf("got %v", err)
			}
			if err := retry.Past(t.Context(), b, taking(time.Second, nil)); err != nil {
				t.Errorf("got %v", err)
			}
			if made, err := call(t.Context(), plain, nil); made || !errors.Is(err, retry.ErrBreakerOpen) {
				t.Errorf("the breaker let a call through: made %t, error %v", made, err)
			}
		}
		h.want(t, "refused 1s", "ok 1s")
	})
}
