package e2e

import (
	"slices"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/scripts/internal/testbed"
)

// keptLetters returns the letters of an order that reconcile has kept.
func (s *stack) keptLetters(t *testing.T, id contracts.OrderID) []readmodel.DeadLetter {
	t.Helper()
	letters, err := s.DeadLetters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(letters, func(l readmodel.DeadLetter) bool { return l.OrderID != id })
}

// reconcile invokes the function now, so that the test does not wait for its schedule.
func (s *stack) reconcile(t *testing.T) {
	t.Helper()
	var report map[string]any
	if err := s.Invoke(t.Context(), "reconcile", &report); err != nil {
		t.Fatal(err)
	}
}

// A PlaceOrder that cannot be read, or not yet, is removed from its group at once: its order is rejected, the message is kept
// with the reason, and the group continues.
func TestUnreadableOrderIsRejectedAndKept(t *testing.T) {
	t.Parallel()
	for name, poison := range map[string]struct{ body, reason string }{
		"no JSON":         {"not JSON", "malformed"},
		"unknown version": {`{"kind":"PlaceOrder","v":99}`, "unknown_version"},
		"unknown kind":    {`{"kind":"PlaceBet","v":1}`, "unknown_kind"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := requireStack(t)
			seats := s.takeSeats(t, 1)
			g, _ := s.groupOf(t, seats[0])
			// Only the message's attributes are readable; they name the order.
			id := newOrderID(t)
			s.enqueue(t, message.Encoded{
				Route: message.Route{Group: s.Concert + "#" + g.Group, DeduplicationID: string(id)}, Body: poison.body,
				Attributes: message.Attributes{Kind: message.KindPlaceOrder, OrderID: id, UserID: "anna", ConcertID: s.Concert, Group: g.Group},
			})
			anna := s.signedIn(t, testbed.Named("anna"))
			wantStatus(t, s.waitDecided(t, anna, s.place(t, anna, "key-1", seats...).OrderID), contracts.AwaitingPayment)
			row, found := s.row(t, string(id))
			if !found || row.Status != contracts.Rejected || row.Reason == nil || row.Reason.Code != contracts.ReasonInternal {
				t.Fatalf("row %+v, found %v", row, found)
			}
			eventually(t, decideWithin, func() (bool, string) {
				s.reconcile(t)
				letters := s.keptLetters(t, id)
				return len(letters) == 1 && letters[0].Reason == poison.reason && letters[0].Body == poison.body, "the letter is not kept"
			})
		})
	}
}
