package retry_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
)

func TestClassify(t *testing.T) {
	cause := errors.New("cause")
	_, malformed := message.Decode(`{"kind":"PlaceOrder","v":1}`)
	_, unknownKind := message.Decode(`{"kind":"Nonsense","v":1}`)
	_, unknownVersion := message.Decode(`{"kind":"PlaceOrder","v":99}`)
	open := &retry.BreakerOpenError{Name: "redis", After: 3 * time.Second}
	for _, c := range []struct {
		name   string
		err    error
		class  retry.Class
		reason string
		after  time.Duration
		// failing is the time for which another attempt is known to fail.
		failing time.Duration
	}{
		{"nil", nil, retry.ClassDone, "", 0, 0},
		{"unknown", cause, retry.ClassRetryable, "", 0, 0},
		{"timeout", context.DeadlineExceeded, retry.ClassRetryable, "", 0, 0},
		{"poison", &retry.PoisonError{Reason: "two_owners", Err: cause}, retry.ClassPoison, "two_owners", 0, 0},
		{"wrapped poison", fmt.Errorf("x: %w", &retry.PoisonError{Reason: "two_owners"}), retry.ClassPoison, "two_owners", 0, 0},
		{"delayed", retry.WithDelay(2*time.Second, cause), retry.ClassRetryable, "", 2 * time.Second, 0},
		{"negative delay", retry.WithDelay(-2*time.Second, cause), retry.ClassRetryable, "", 0, 0},
		{"wrapped delay", fmt.Errorf("x: %w", retry.WithDelay(time.Second, cause)), retry.ClassRetryable, "", time.Second, 0},
		{"open breaker", fmt.Errorf("put: %w", open), retry.ClassRetryable, "", 0, 3 * time.Second},
		{"probe running", &retry.BreakerOpenError{Name: "redis"}, retry.ClassRetryable, "", 0, 0},
		{"clock set back", &retry.BreakerOpenError{Name: "redis", After: -time.Second}, retry.ClassRetryable, "", 0, 0},
		{"delay and open breaker", errors.Join(retry.WithDelay(time.Second, cause), open), retry.ClassRetryable, "", time.Second, 3 * time.Second},
		{"poison of an open breaker", &retry.PoisonError{Reason: "p", Err: open}, retry.ClassPoison, "p", 0, 0},
		{"poison that asks for a delay", retry.WithDelay(time.Second, &retry.PoisonError{Reason: "p"}), retry.ClassPoison, "p", 0, 0},
		{"malformed message", malformed, retry.ClassPoison, retry.ReasonMalformed, 0, 0},
		{"unknown kind", unknownKind, retry.ClassPoison, retry.ReasonUnknownKind, 0, 0},
		{"unknown version", unknownVersion, retry.ClassPoison, retry.ReasonUnknownVersion, 0, 0},
		{"joined", errors.Join(cause, retry.WithDelay(time.Second, cause)), retry.ClassRetryable, "", time.Second, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := retry.Classify(c.err)
			if got.Class != c.class || got.Reason != c.reason || got.After != c.after || got.NotBefore != c.failing || !errors.Is(got.Err, c.err) {
				t.Errorf("Classify = %+v, want %s %q after %s, not before %s, with the error", got, c.class, c.reason, c.after, c.failing)
			}
		})
	}
}

func TestClassesOfErrors(t *testing.T) {
	cause := errors.New("cause")
	poison := retry.Poison("p", cause)
	chosen, open := retry.WithDelay(time.Minute, poison), error(&retry.BreakerOpenError{Name: "redis", After: time.Second})
	for _, c := range []struct {
		err  error
		want retry.Outcome
		word string
	}{
		{nil, retry.Outcome{Class: retry.ClassDone}, "done"},
		{retry.Refused("seat_taken"), retry.Outcome{Class: retry.ClassRefused, Reason: "seat_taken"}, "refused"},
		{retry.Retryable(poison), retry.Outcome{Class: retry.ClassRetryable}, "retryable"},
		{retry.Retryable(chosen), retry.Outcome{Class: retry.ClassRetryable, After: time.Minute}, "retryable"},
		{retry.Retryable(open), retry.Outcome{Class: retry.ClassRetryable, NotBefore: time.Second}, "retryable"},
		{retry.Retryable(retry.Refused("no")), retry.Outcome{Class: retry.ClassRetryable}, "retryable"},
		{poison, retry.Outcome{Class: retry.ClassPoison, Reason: "p"}, "poison"},
	} {
		got := retry.Classify(c.err)
		if c.want.Class == retry.ClassRetryable || c.want.Class == retry.ClassPoison {
			c.want.Err = c.err
		}
		if got != c.want || got.Class.String() != c.word {
			t.Errorf("Classify(%v) = %+v (%s), want %+v (%s)", c.err, got, got.Class, c.want, c.word)
		}
		if retry.IsPoison(c.err) != (c.want.Class == retry.ClassPoison) || retry.IsRetryable(c.err) != (c.want.Class == retry.ClassRetryable) {
			t.Errorf("IsPoison and IsRetryable of %v", c.err)
		}
	}
	// The zero Outcome must lose no message.
	if (retry.Outcome{}).Class != retry.ClassRetryable {
		t.Error("the zero Outcome is not retryable")
	}
}

func TestMarkedErrorsKeepTheirCause(t *testing.T) {
	cause := errors.New("cause")
	if retry.WithDelay(time.Second, nil) != nil || retry.Permanent(nil) != nil || retry.Retryable(nil) != nil {
		t.Error("a mark on nil is an error")
	}
	for _, err := range []error{retry.WithDelay(time.Second, cause), retry.Permanent(cause), retry.Retryable(cause), retry.Poison("p", cause)} {
		if !errors.Is(err, cause) {
			t.Errorf("%T hides its cause", err)
		}
	}
}
