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

// arenaConcert returns the id of the large concert, once its groups are loaded.
func arenaConcert(t *testing.T, s *stack) string {
	t.Helper()
	s.loadedMaps(t, s.Arena)
	return s.Arena
}

// checkOverLimit sends an order for adjacent seats that exceeds its buyer's limit, and checks that it is refused at once.
func (s *stack) checkOverLimit(t *testing.T, c *apiclient.Client, concert, key string, quantity int) {
	t.Helper()
	if answer := s.placeBest(t, c, concert, key, "", quantity); answer.Status != http.StatusConflict || answer.Problem().Code != "limit_reached" {
		t.Errorf("an order for %d more seats got %d %s", quantity, answer.Status, answer.Body)
	}
}

// A buyer has at most as many seats as the concert allows, over all orders of that buyer; cancelled seats do not count. An order
// over the limit is refused at once and leaves no row; a repeat of an order within the limit gets the same response as before.
func TestBuyerLimitHoldsAcrossOrders(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	concert, user := arenaConcert(t, s), testbed.Named("anna")
	anna, ben := s.signedIn(t, user), s.signedIn(t, testbed.Named("ben"))
	first := s.placeBestAndWait(t, anna, concert, "key-1", "", 4)
	wantStatus(t, first, contracts.AwaitingPayment)
	s.checkOverLimit(t, anna, concert, "key-2", 3)
	wantStatus(t, s.placeBestAndWait(t, anna, concert, "key-3", "", 2), contracts.AwaitingPayment)
	s.checkOverLimit(t, anna, concert, "key-2", 1)
	var again apiclient.Accepted
	if answer := s.placeBest(t, anna, concert, "key-1", "", 4); answer.Status != http.StatusAccepted || answer.Decode(&again) != nil || again.OrderID != first.OrderID {
		t.Errorf("with the limit used up, a repeat of an earlier order got %d %s", answer.Status, answer.Body)
	}
	wantStatus(t, s.placeBestAndWait(t, ben, concert, "key-1", "", 6), contracts.AwaitingPayment)
	if rows := s.rowsOf(t, user); len(rows) != 2 {
		t.Errorf("there are %d rows, want those of the two accepted orders", len(rows))
	}
	s.cancel(t, anna, first.OrderID)
	cancelled := s.waitFor(t, anna, first.OrderID, decideWithin, func(o apiclient.Order) bool { return o.Status != contracts.AwaitingPayment })
	if cancelled.Status != contracts.Cancelled && cancelled.Status != contracts.Expired {
		t.Fatalf("the order is %s", cancelled.Status)
	}
	wantStatus(t, s.placeBestAndWait(t, anna, concert, "key-4", "", 4), contracts.AwaitingPayment)
}

// placeOverLimit enqueues an order of a buyer whose limit is used up, and returns its rejected row. POST would refuse it at once,
// unless the buyer's other orders were decided while it waits.
func (s *stack) placeOverLimit(t *testing.T) readmodel.Order {
	t.Helper()
	concert, user := arenaConcert(t, s), testbed.Named("anna")
	wantStatus(t, s.placeBestAndWait(t, s.signedIn(t, user), concert, "key-1", "", 6), contracts.AwaitingPayment)
	layout, now := s.layoutOf(t, concert), contracts.InstantOf(time.Now())
	g := layout.Groups[len(layout.Groups)/2]
	m := message.PlaceOrder{
		OrderID: newOrderID(t), UserID: user, ConcertID: concert, Group: g.Group, LayoutVersion: layout.LayoutVersion,
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

// The queue rejects an order that exceeds the limit only because of orders decided while it waits.
func TestQueuedOrderOverTheLimitIsRejected(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	row := s.placeOverLimit(t)
	if row.Status != contracts.Rejected || row.Reason == nil || row.Reason.Code != contracts.ReasonLimitReached || row.Counted != 0 {
		t.Errorf("the order is %s %+v and counts %d", row.Status, row.Reason, row.Counted)
	}
}

// The standing areas are the first groups of the arena's layout. An order for adjacent seats gets seats, and standing places only
// if it names their section.
func TestBestAvailableStandsOnlyOnRequest(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	concert, anna := arenaConcert(t, s), s.signedIn(t, testbed.Named("anna"))
	kinds := map[string]string{}
	for _, g := range s.layoutOf(t, concert).Groups {
		for _, seat := range g.Seats {
			kinds[seat] = g.Kind
		}
	}
	for section, kind := range map[string]string{"": "seats", "standing": "area"} {
		order := s.placeBestAndWait(t, anna, concert, "key-"+kind, section, 2)
		wantStatus(t, order, contracts.AwaitingPayment)
		for _, seat := range order.Seats {
			if kinds[seat] != kind {
				t.Errorf("section %q: %s is of kind %s", section, seat, kinds[seat])
			}
		}
	}
}

// The limit counts paid seats too, permanently; seats of an order that ended without a charge no longer count.
func TestBuyerLimitCountsPaidSeats(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	concert := arenaConcert(t, s)
	anna, ids := s.signedIn(t, testbed.Named("anna")), []string{}
	best := func(key string, quantity int) apiclient.Order {
		order := s.placeBestAndWait(t, anna, concert, key, "", quantity)
		ids = append(ids, order.OrderID)
		return order
	}
	paid, given := best("key-1", 3), best("key-2", 3)
	wantStatus(t, paid, contracts.AwaitingPayment)
	wantStatus(t, given, contracts.AwaitingPayment)
	s.pay(t, paid, "pm_card_visa")
	wantStatus(t, s.waitEnded(t, anna, paid.OrderID), contracts.Confirmed)
	s.checkOverLimit(t, anna, concert, "key-3", 1)
	s.cancel(t, anna, given.OrderID)
	s.waitFor(t, anna, given.OrderID, decideWithin, func(o apiclient.Order) bool { return o.Status.Settled() })
	s.checkOverLimit(t, anna, concert, "key-4", 4)
	last := best("key-5", 3)
	wantStatus(t, last, contracts.AwaitingPayment)
	s.pay(t, last, "pm_card_visa")
	wantStatus(t, s.waitEnded(t, anna, last.OrderID), contracts.Confirmed)
	s.waitConsistent(t, ids...)
}
