package e2e

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"boxoffice/contracts/readmodel"
	"boxoffice/scripts/internal/invariants"
)

// When all tests have passed, every hold of theirs is let end, and then the whole stack is held to every rule: seats, rows,
// tickets, allowances, money.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && os.Getenv("API_BASE_URL") != "" {
		if err := audit(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "after all tests:", err)
			code = 1
		}
	}
	os.Exit(code)
}

func audit(ctx context.Context) error {
	s, err := openStack()
	if err != nil {
		return err
	}
	if s.HoldFor > maxHoldInTests {
		fmt.Printf("holds last %s here; the whole stack is not compared, which needs HOLD_SECONDS of at most %.0f\n", s.HoldFor, maxHoldInTests.Seconds())
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.HoldFor+freeWithin+2*decideWithin)
	defer cancel()
	again := time.NewTicker(time.Second)
	defer again.Stop()
	var problems []invariants.Violation
	for {
		snapshot, err := s.Snapshot(ctx)
		if err != nil {
			return fmt.Errorf("%w; before that: %v", err, problems)
		}
		// The poison that tests make cannot be read; nothing else may have been written off.
		snapshot.DeadLetters = slices.DeleteFunc(snapshot.DeadLetters, func(l readmodel.DeadLetter) bool {
			return slices.Contains([]string{"malformed", "unknown_version", "unknown_kind"}, l.Reason)
		})
		problems = invariants.AtRest(snapshot)
		open := 0
		for _, o := range snapshot.Orders {
			if o.Status.Open() {
				open++
			}
		}
		if len(problems) == 0 && open == 0 {
			fmt.Printf("after all tests: %d orders, %d tickets and %d effects at Stripe agree\n", len(snapshot.Orders), len(snapshot.Tickets), len(snapshot.Effects))
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d orders are open, %v", open, problems)
		case <-again.C:
		}
	}
}
