package sqsbatch_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"boxoffice/consumers/internal/retry"
)

// How long the head of a group is invisible, with the longest possible jitter, by its receive count. A delay that an error asks
// for is used unchanged. The time of an open breaker only makes a backoff longer: used as the delay, "in 5 s" would use up the
// receives of every waiting message within an hour.
func TestDelayFollowsTheErrorAndTheReceives(t *testing.T) {
	open := func(after time.Duration) error {
		return fmt.Errorf("hold: %w", &retry.BreakerOpenError{Name: "redis", After: after})
	}
	busy := retry.WithDelay(time.Second, errDown)
	s := time.Second
	for _, c := range []struct {
		name    string
		outcome error
		// want is the delay after 1, 5, 100 and 900 receives.
		want [4]time.Duration
	}{
		{"a failed call", errDown, [4]time.Duration{1 * s, 16 * s, 30 * s, 30 * s}},
		{"an open breaker", open(5 * s), [4]time.Duration{5 * s, 16 * s, 30 * s, 30 * s}},
		{"a breaker that is about to probe", open(s / 10), [4]time.Duration{1 * s, 16 * s, 30 * s, 30 * s}},
		{"a breaker whose probe is running", open(0), [4]time.Duration{1 * s, 16 * s, 30 * s, 30 * s}},
		{"a breaker that is open for long", open(time.Minute), [4]time.Duration{60 * s, 60 * s, 60 * s, 60 * s}},
		{"a group that is being loaded", busy, [4]time.Duration{1 * s, 1 * s, 1 * s, 1 * s}},
		{"a hold that has not expired", retry.WithDelay(200*s, errDown), [4]time.Duration{200 * s, 200 * s, 200 * s, 200 * s}},
		{"a delay asked for and an open breaker", errors.Join(busy, open(5*s)), [4]time.Duration{5 * s, 5 * s, 5 * s, 5 * s}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i, receives := range []int{1, 5, 100, 900} {
				w := &world{outcome: func(context.Context, string) error { return c.outcome }}
				if _, err := w.batches().Handle(t.Context(), withReceives(batch("a1"), receives)); err != nil {
					t.Fatal(err)
				}
				if want := []returned{{"a1", c.want[i]}}; !slices.Equal(w.returns, want) {
					t.Errorf("after %d receives visibility %v, want %v", receives, w.returns, want)
				}
			}
		})
	}
}
