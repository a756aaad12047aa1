package breaker_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"boxoffice/producers/internal/breaker"
)

var errBroken = errors.New("broken connection")

func answered(status int) error {
	return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: errors.New("refused"),
	}}
}

// Three failures in a row open the breaker; after 5 s one call passes, and decides whether the next ones do.
func TestBreakerOpensAfterThreeFailuresAndProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.ForAWS("sqs")
		calls := 0
		do := func(answer error) error {
			return b.Do(t.Context(), time.Second, func(context.Context) error { calls++; return answer })
		}
		// A refusal shows a working service, and none of these is one of three failures in a row.
		for _, answer := range []error{errBroken, answered(500), answered(400), errBroken, answered(503), nil, errBroken, answered(0)} {
			if err := do(answer); !errors.Is(err, answer) {
				t.Fatalf("got %v, want %v", err, answer)
			}
		}
		// A call that runs into its timeout is the third.
		begun := time.Now()
		if err := b.Do(t.Context(), time.Second, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		if took := time.Since(begun); took != time.Second {
			t.Errorf("the call took %s", took)
		}
		calls = 0
		for range 10 {
			if err := do(nil); !errors.Is(err, breaker.ErrOpen) {
				t.Fatalf("got %v from an open breaker", err)
			}
		}
		time.Sleep(5*time.Second + 1)
		_ = do(errBroken)
		_ = do(nil)
		if calls != 1 {
			t.Errorf("%d calls passed, want the probe alone", calls)
		}
		time.Sleep(5*time.Second + 1)
		for range 3 {
			if err := do(nil); err != nil {
				t.Errorf("got %v after a probe that succeeded", err)
			}
		}
	})
}

// The buyer whose order is the probe may leave. That says nothing about the service, which may still be down.
func TestCancelledProbeKeepsBreakerOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.ForAWS("sqs")
		do := func(answer error) error {
			return b.Do(t.Context(), time.Second, func(context.Context) error { return answer })
		}
		for range 3 {
			_ = do(errBroken)
		}
		time.Sleep(5*time.Second + 1)
		if err := do(context.Canceled); !errors.Is(err, context.Canceled) {
			t.Fatalf("no probe: %v", err)
		}
		if err := do(nil); !errors.Is(err, breaker.ErrOpen) {
			t.Errorf("after a cancelled probe: %v", err)
		}
	})
}

// The outage is counted from the first opening, by the clock of the settings: a failed probe does not restart it.
func TestDownForCountsFromTheFirstOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.Settings{Name: "redis", FailuresToOpen: 2, OpenFor: time.Second, Now: time.Now})
		do := func(answer error) {
			_ = b.Do(t.Context(), time.Second, func(context.Context) error { return answer })
		}
		want := func(down time.Duration, open bool) {
			t.Helper()
			if b.DownFor() != down || b.Open() != open {
				t.Errorf("down for %s, open %t; want %s, %t", b.DownFor(), b.Open(), down, open)
			}
		}
		do(errBroken)
		time.Sleep(time.Minute)
		want(0, false)
		do(errBroken)
		want(0, true)
		time.Sleep(time.Second + 1)
		want(time.Second+1, false)
		do(errBroken)
		want(time.Second+1, true)
		time.Sleep(time.Second + 1)
		do(nil)
		want(0, false)
		do(errBroken)
		time.Sleep(time.Minute)
		want(0, false)
	})
}
