package e2e

import (
	"testing"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// arena is the id of the large concert, with a limit per buyer, once its groups take orders.
func arena(t *testing.T, s *stack) string {
	t.Helper()
	s.mapsOf(t, s.Arena)
	return s.Arena
}

// A buyer has at most as many seats as the concert allows, over all his orders; what he gives up counts no more.
func TestTheLimitOfABuyerHoldsAcrossOrders(t *testing.T) {
	t.Parallel()
	s := theStack(t)
	concert := arena(t, s)
	anna, ben := s.as(t, testbed.Named("anna")), s.as(t, testbed.Named("ben"))
	first := s.decidedBest(t, anna, concert, "key-1", "", 4)
	wantStatus(t, first, contracts.AwaitingPayment)
	second := s.decidedBest(t, anna, concert, "key-2", "", 3)
	wantStatus(t, second, contracts.Rejected)
	if second.Reason == nil || second.Reason.Code != contracts.ReasonLimitReached {
		t.Errorf("reason %+v", second.Reason)
	}
	wantStatus(t, s.decidedBest(t, anna, concert, "key-3", "", 2), contracts.AwaitingPayment)
	wantStatus(t, s.decidedBest(t, ben, concert, "key-1", "", 6), contracts.AwaitingPayment)
	s.cancel(t, anna, first.OrderID)
	cancelled := s.waitFor(t, anna, first.OrderID, decideWithin, func(o apiclient.Order) bool { return o.Status != contracts.AwaitingPayment })
	if cancelled.Status != contracts.Cancelled && cancelled.Status != contracts.Expired {
		t.Fatalf("the order is %s", cancelled.Status)
	}
	wantStatus(t, s.decidedBest(t, anna, concert, "key-4", "", 4), contracts.AwaitingPayment)
}

// The areas are the first groups of the arena's layout; who asks for adjacent seats gets seats, and places to stand when
// he names their section.
func TestAdjacentSeatsAreNoPlacesToStand(t *testing.T) {
	t.Parallel()
	s := theStack(t)
	concert, anna := arena(t, s), s.as(t, testbed.Named("anna"))
	kinds := map[string]string{}
	for _, g := range s.layoutOf(t, concert).Groups {
		for _, seat := range g.Seats {
			kinds[seat] = g.Kind
		}
	}
	for section, kind := range map[string]string{"": "seats", "standing": "area"} {
		order := s.decidedBest(t, anna, concert, "key-"+kind, section, 2)
		wantStatus(t, order, contracts.AwaitingPayment)
		for _, seat := range order.Seats {
			if kinds[seat] != kind {
				t.Errorf("section %q: %s is of kind %s", section, seat, kinds[seat])
			}
		}
	}
}

// The limit counts what is paid as well, for ever; and what was never charged no more.
func TestTheLimitOfABuyerCountsWhatIsPaid(t *testing.T) {
	t.Parallel()
	s := theStack(t)
	concert := arena(t, s)
	anna, ids := s.as(t, testbed.Named("anna")), []string{}
	best := func(key string, quantity int) apiclient.Order {
		order := s.decidedBest(t, anna, concert, key, "", quantity)
		ids = append(ids, order.OrderID)
		return order
	}
	paid, given := best("key-1", 3), best("key-2", 3)
	wantStatus(t, paid, contracts.AwaitingPayment)
	wantStatus(t, given, contracts.AwaitingPayment)
	s.pay(t, paid, "pm_card_visa")
	wantStatus(t, s.settled(t, anna, paid.OrderID), contracts.Confirmed)
	overLimit := func(order apiclient.Order) {
		t.Helper()
		wantStatus(t, order, contracts.Rejected)
		if order.Reason == nil || order.Reason.Code != contracts.ReasonLimitReached {
			t.Errorf("reason %+v", order.Reason)
		}
	}
	overLimit(best("key-3", 1))
	s.cancel(t, anna, given.OrderID)
	s.waitFor(t, anna, given.OrderID, decideWithin, func(o apiclient.Order) bool { return o.Status.Settled() })
	overLimit(best("key-4", 4))
	last := best("key-5", 3)
	wantStatus(t, last, contracts.AwaitingPayment)
	s.pay(t, last, "pm_card_visa")
	wantStatus(t, s.settled(t, anna, last.OrderID), contracts.Confirmed)
	s.agrees(t, ids...)
}
