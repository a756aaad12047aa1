package redisclient_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/adapters/redisclient"
	"boxoffice/consumers/internal/retry"
)

// The client leaves retries to the layer above: it follows one redirect, dials once, and the context's deadline ends every
// wait. How long it waits otherwise cannot be measured on a busy machine.
func TestClientDoesNotRetry(t *testing.T) {
	client := redisclient.NewClient("127.0.0.1:1", "", "")
	t.Cleanup(func() { _ = client.Close() })
	if o := client.Options(); o.MaxRetries > 0 || o.DialerRetries != 1 || o.MaxRedirects != 1 || !o.ContextTimeoutEnabled {
		t.Errorf("%d retries, %d tries to dial, %d redirects, ends with the context: %v", o.MaxRetries, o.DialerRetries, o.MaxRedirects, o.ContextTimeoutEnabled)
	}
}

// A call ends after its own timeout, which is far shorter than the handler's.
func TestCallHasTimeout(t *testing.T) {
	const timeout = 100 * time.Millisecond
	err := redisclient.Call(t.Context(), retry.NoBreaker{}, timeout, func(ctx context.Context) error {
		if end, limited := ctx.Deadline(); !limited || time.Until(end) > timeout {
			t.Errorf("the call ends at %s, limited %v", end, limited)
		}
		<-ctx.Done()
		return errors.New("i/o timeout")
	})
	// The error begins with which timeout ended the call, before the client's own text.
	if err == nil || !strings.HasPrefix(err.Error(), "no answer from Redis in time") || retry.Classify(err).Class != retry.ClassRetryable {
		t.Errorf("got %v", err)
	}
}

// A call to a server that does not answer fails with a clear error and counts as a failure for the breaker.
func TestCallWithoutAnswerOpensBreaker(t *testing.T) {
	breaker := retry.NewBreaker("redis", retry.BreakerOptions{Failures: 1})
	_ = redisclient.Call(t.Context(), breaker, time.Millisecond, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	err := redisclient.Call(t.Context(), breaker, time.Minute, func(context.Context) error { return nil })
	if !errors.Is(err, retry.ErrBreakerOpen) {
		t.Errorf("the next call: %v", err)
	}
}
