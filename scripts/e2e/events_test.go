package e2e

import (
	"fmt"
	"testing"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/testbed"
)

// Every version of a row is published to a rule of the bus: of held, rejected, cancelled and expired orders.
func TestEveryVersionIsPublished(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	if s.HoldFor > maxHoldInTests {
		t.Skipf("holds last %s here; this test needs a stack with HOLD_SECONDS of at most %.0f", s.HoldFor, maxHoldInTests.Seconds())
	}
	events := s.SubscribeFor(t)
	anna := s.signedIn(t, testbed.Named("anna"))
	given, left := s.place(t, anna, "key-1", s.takeSeats(t, 1)...), s.place(t, anna, "key-2", s.takeSeats(t, 1)...)
	wantStatus(t, s.waitDecided(t, anna, given.OrderID), contracts.AwaitingPayment)
	s.cancel(t, anna, given.OrderID)
	want := map[string]string{
		given.OrderID + ".1": "OrderHeld", given.OrderID + ".2": "OrderAwaitingPayment", given.OrderID + ".3": "OrderCancelled",
		left.OrderID + ".1": "OrderHeld", left.OrderID + ".2": "OrderAwaitingPayment", left.OrderID + ".3": "OrderExpired",
		string(s.placeOverLimit(t).OrderID) + ".1": "OrderRejected",
	}
	eventually(t, s.HoldFor+maxFreeDelay+decideWithin, func() (bool, string) {
		if err := events.Poll(t.Context()); err != nil {
			t.Fatal(err)
		}
		for version, detailType := range want {
			if got := events.Seen(version); got != detailType {
				return false, fmt.Sprintf("%s is %q, want %s", version, got, detailType)
			}
		}
		return true, ""
	})
}
