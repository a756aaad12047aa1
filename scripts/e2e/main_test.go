package e2e

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/scripts/internal/invariants"
)

// When all tests have passed, TestMain waits for the end of all holds, and then checks the whole stack against every rule: seats,
// rows, tickets, allowances, money. The tests must also have seen every response of the contract that is not listed.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && os.Getenv("API_BASE_URL") != "" {
		if err := checkWholeStack(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "after all tests:", err)
			code = 1
		}
		if s, err := openStack(); err == nil {
			if err := s.checkCoverage(); err != nil {
				fmt.Fprintln(os.Stderr, "after all tests:", err)
				code = 1
			}
		}
	}
	os.Exit(code)
}

// endsAfterHold bounds how long after the end of the last hold an order may still be open: each minute reconcile finds orders
// that expire has not ended after 15 s, and its message is handled after that.
const endsAfterHold = 15*time.Second + time.Minute + 2*decideWithin

func checkWholeStack(ctx context.Context) error {
	s, err := openStack()
	if err != nil {
		return err
	}
	if s.HoldFor > maxHoldInTests {
		fmt.Printf("holds last %s here; the whole stack is not compared, which needs HOLD_SECONDS of at most %.0f\n", s.HoldFor, maxHoldInTests.Seconds())
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.HoldFor+endsAfterHold)
	defer cancel()
	again := time.NewTicker(time.Second)
	defer again.Stop()
	var problems []invariants.Violation
	for {
		snapshot, err := s.Snapshot(ctx)
		if err != nil {
			return fmt.Errorf("%w; before that: %v", err, problems)
		}
		// Three kinds of letters come from tests: unreadable messages, the letter with letterTrace, and one about a shard that no
		// stream has. There must be no others.
		snapshot.DeadLetters = slices.DeleteFunc(snapshot.DeadLetters, func(l readmodel.DeadLetter) bool {
			return slices.Contains([]string{"malformed", "unknown_version", "unknown_kind"}, l.Reason) || l.Attributes[message.AttributeTrace] == letterTrace || isGivenUpShard(l)
		})
		problems = append(invariants.AtRest(snapshot), invariants.Ended(snapshot)...)
		if len(problems) == 0 {
			fmt.Printf("after all tests: %d orders, %d tickets and %d effects at Stripe agree\n", len(snapshot.Orders), len(snapshot.Tickets), len(snapshot.Effects))
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d rules are broken: %v", len(problems), problems)
		case <-again.C:
		}
	}
}
