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

// heard is what an observer heard, in order.
type heard struct {
	mu    sync.Mutex
	calls []string
}

func (h *heard) observe(result retry.Result, took time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, fmt.Sprint(result, " ", took))
}

func (h *heard) around(b retry.Breaker) retry.Breaker {
	return retry.Observed(b, func(err error) retry.Result {
		if errors.Is(err, errRefused) {
			return retry.ResultRefused
		}
		return retry.ResultUnknown
	}, h.observe, time.Now)
}

func (h *heard) want(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(h.calls, want) {
		t.Errorf("heard %q, want %q", h.calls, want)
	}
	h.calls = nil
}

func taking(d time.Duration, err error) func(context.Context) error {
	return func(context.Context) error { time.Sleep(d); return err }
}

func TestObservedHearsOfEachCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &heard{}
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
		// Who had no time left called nobody.
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := b.Do(ended, taking(time.Hour, nil)); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		h.want(t)
	})
}

// Where Do makes the call each attempt is one, also of several side by side, and the whole is none.
func TestObservedHearsOfEachAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &heard{}
		b := h.around(retry.NoBreaker{})
		p := slowest
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

// A call that waits for no breaker is heard of all the same, and the breaker does not hear how it ended.
func TestPast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &heard{}
		plain := retry.NewBreaker("dynamodb", retry.BreakerOptions{Failures: 1})
		open(t, plain, 1)
		for _, b := range []retry.Breaker{plain, h.around(plain)} {
			if err := retry.Past(t.Context(), b, taking(time.Second, errRefused)); !errors.Is(err, errRefused) {
				t.Errorf("got %v", err)
			}
			if err := retry.Past(t.Context(), b, taking(time.Second, nil)); err != nil {
				t.Errorf("got %v", err)
			}
			if _, isOpen := plain.OpenSince(time.Now()); !isOpen {
				t.Error("the breaker heard of it")
			}
		}
		h.want(t, "refused 1s", "ok 1s")
	})
}
