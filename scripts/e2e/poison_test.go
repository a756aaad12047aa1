package e2e

import (
	"slices"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/scripts/internal/testbed"
)

// drained reads the letters of an order that reconcile has kept.
func (s *stack) drained(t *testing.T, id contracts.OrderID) []readmodel.DeadLetter {
	t.Helper()
	letters, err := s.DeadLetters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(letters, func(l readmodel.DeadLetter) bool { return l.OrderID != id })
}

// reconcile invokes the function now, rather than to wait for its minute.
func (s *stack) reconcile(t *testing.T) {
	t.Helper()
	var report map[string]any
	if err := s.Invoke(t.Context(), "reconcile", &report); err != nil {
		t.Fatal(err)
	}
}

// A PlaceOrder that nobody can read, or not yet, is taken out of its group at once: its order is rejected, the message is
// kept with the reason, and the group goes on.
func TestAPoisonedOrderIsRejectedAndKept(t *testing.T) {
	t.Parallel()
	for name, poison := range map[string]struct{ body, reason string }{
		"no JSON":         {"not JSON", "malformed"},
		"unknown version": {`{"kind":"PlaceOrder","v":99}`, "unknown_version"},
		"unknown kind":    {`{"kind":"PlaceBet","v":1}`, "unknown_kind"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := theStack(t)
			seats := s.seats(t, 1)
			g, _ := s.group(t, seats[0])
			// The message's attributes name the order, and nothing else can be read.
			id := anOrderID(t)
			s.enqueue(t, message.Encoded{
				Route: message.Route{Group: s.Concert + "#" + g.Group, DeduplicationID: string(id)}, Body: poison.body,
				Attributes: message.Attributes{Kind: message.KindPlaceOrder, OrderID: id, UserID: "anna", ConcertID: s.Concert, Group: g.Group},
			})
			anna := s.as(t, testbed.Named("anna"))
			wantStatus(t, s.decided(t, anna, s.place(t, anna, "key-1", seats...).OrderID), contracts.AwaitingPayment)
			row, found := s.row(t, string(id))
			if !found || row.Status != contracts.Rejected || row.Reason == nil || row.Reason.Code != contracts.ReasonInternal {
				t.Fatalf("row %+v, found %v", row, found)
			}
			eventually(t, decideWithin, func() (bool, string) {
				s.reconcile(t)
				letters := s.drained(t, id)
				return len(letters) == 1 && letters[0].Reason == poison.reason && letters[0].Body == poison.body, "the letter is not kept"
			})
		})
	}
}
