package e2e

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

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
	for {
		snapshot, effects, err := s.money(ctx)
		if err != nil {
			return err
		}
		problems := append(invariants.AtRest(snapshot), invariants.Money(snapshot, effects)...)
		// Tests make poison.
		problems = slices.DeleteFunc(problems, func(v invariants.Violation) bool { return v.Rule == "dead letter" })
		open := 0
		for _, o := range snapshot.Orders {
			if o.Status.Open() {
				open++
			}
		}
		if len(problems) == 0 && open == 0 {
			fmt.Printf("after all tests: %d orders, %d tickets and %d effects at Stripe agree\n", len(snapshot.Orders), len(snapshot.Tickets), len(effects))
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d orders are open, %v", open, problems)
		case <-again.C:
		}
	}
}
