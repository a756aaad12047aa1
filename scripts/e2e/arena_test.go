package e2e

import (
	"net/http"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// arena is the id of the large concert, once its groups take orders.
func arena(t *testing.T, s *stack) string {
	t.Helper()
	s.mapsOf(t, s.Arena)
	return s.Arena
}

// overLimit sends an order for adjacent seats that would be over its buyer's limit, and wants that said at once.
func (s *stack) overLimit(t *testing.T, c *apiclient.Client, concert, key string, quantity int) {
	t.Helper()
	if answer := s.placeBest(t, c, concert, key, "", quantity); answer.Status != http.StatusConflict || answer.Problem().Code != "limit_reached" {
		t.Errorf("%d seats more are answered %d %s", quantity, answer.Status, answer.Body)
	}
}

// A buyer has at most as many seats as the concert allows, over all his orders; what he gives up counts no more. An order over
// the limit is refused at once and leaves no row, and the ones that are within it are answered as before.
func TestTheLimitOfABuyerHoldsAcrossOrders(t *testing.T) {
	t.Parallel()
	s := theStack(t)
	concert, user := arena(t, s), testbed.Named("anna")
	anna, ben := s.as(t, user), s.as(t, testbed.Named("ben"))
	first := s.decidedBest(t, anna, concert, "key-1", "", 4)
	wantStatus(t, first, contracts.AwaitingPayment)
	s.overLimit(t, anna, concert, "key-2", 3)
	wantStatus(t, s.decidedBest(t, anna, concert, "key-3", "", 2), contracts.AwaitingPayment)
	s.overLimit(t, anna, concert, "key-2", 1)
	var again apiclient.Accepted
	if answer := s.placeBest(t, anna, concert, "key-1", "", 4); answer.Status != http.StatusAccepted || answer.Decode(&again) != nil || again.OrderID != first.OrderID {
		t.Errorf("with all of the limit used up, an order of before is answered %d %s", answer.Status, answer.Body)
	}
	wantStatus(t, s.decidedBest(t, ben, concert, "key-1", "", 6), contracts.AwaitingPayment)
	if rows := s.rowsOf(t, user); len(rows) != 2 {
		t.Errorf("there are %d rows, want those of the two orders that were accepted", len(rows))
	}
	s.cancel(t, anna, first.OrderID)
	cancelled := s.waitFor(t, anna, first.OrderID, decideWithin, func(o apiclient.Order) bool { return o.Status != contracts.AwaitingPayment })
	if cancelled.Status != contracts.Cancelled && cancelled.Status != contracts.Expired {
		t.Fatalf("the order is %s", cancelled.Status)
	}
	wantStatus(t, s.decidedBest(t, anna, concert, "key-4", "", 4), contracts.AwaitingPayment)
}

// refusedOrder is the row of an order that was enqueued and then refused by its consumer: of a buyer who has as many seats as he
// may. POST would refuse it at once, unless the others were decided while it waits.
func (s *stack) refusedOrder(t *testing.T) readmodel.Order {
	t.Helper()
	concert, user := arena(t, s), testbed.Named("anna")
	wantStatus(t, s.decidedBest(t, s.as(t, user), concert, "key-1", "", 6), contracts.AwaitingPayment)
	layout, now := s.layoutOf(t, concert), contracts.InstantOf(time.Now())
	g := layout.Groups[len(layout.Groups)/2]
	m := message.PlaceOrder{
		OrderID: anOrderID(t), UserID: user, ConcertID: concert, Group: g.Group, LayoutVersion: layout.LayoutVersion,
		RequestHash: contracts.RequestHashBest(concert, g.Section, 1, 0), AcceptedAt: now, Deadline: now.Add(decideWithin),
		BestAvailable: &message.BestAvailable{Section: g.Section, Quantity: 1},
	}
	encoded, err := message.Encode(m, "")
	if err != nil {
		t.Fatal(err)
	}
	s.enqueue(t, encoded)
	var row readmodel.Order
	eventually(t, decideWithin, func() (found bool, why string) {
		row, found = s.row(t, string(m.OrderID))
		return found, "the order is not decided"
	})
	return row
}

// What is over the limit only by an order that is decided while it waits is refused by the queue.
func TestTheQueueHoldsToTheLimitOfABuyer(t *testing.T) {
	t.Parallel()
	s := theStack(t)
	row := s.refusedOrder(t)
	if row.Status != contracts.Rejected || row.Reason == nil || row.Reason.Code != contracts.ReasonLimitReached || row.Counted != 0 {
		t.Errorf("the order is %s %+v and counts %d", row.Status, row.Reason, row.Counted)
	}
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
	s.overLimit(t, anna, concert, "key-3", 1)
	s.cancel(t, anna, given.OrderID)
	s.waitFor(t, anna, given.OrderID, decideWithin, func(o apiclient.Order) bool { return o.Status.Settled() })
	s.overLimit(t, anna, concert, "key-4", 4)
	last := best("key-5", 3)
	wantStatus(t, last, contracts.AwaitingPayment)
	s.pay(t, last, "pm_card_visa")
	wantStatus(t, s.settled(t, anna, last.OrderID), contracts.Confirmed)
	s.agrees(t, ids...)
}
