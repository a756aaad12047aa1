package seats_test

import (
	"context"
	"fmt"
	"testing"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/seats"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// halfDone is the port of orders whose query of tickets sees a transaction half done: some tickets are not visible yet.
type halfDone struct {
	world.Orders
	unseen []string
}

func (h halfDone) Tickets(ctx context.Context, g contracts.SeatGroup) (map[string]contracts.OrderID, error) {
	tickets, err := h.Orders.Tickets(ctx, g)
	for _, seat := range h.unseen {
		delete(tickets, seat)
	}
	return tickets, err
}

// committed is a row with its tickets, in one of the two paid statuses.
func (w *fixture) committed(t *testing.T, status contracts.Status, seats ...string) order.Order {
	t.Helper()
	before := w.put(t, ordertest.HeldOrder(ordertest.Placed(group, seats...)))
	after, err := before.Commit("pi_1", order.Cause{Kind: message.KindPaymentAuthorized, At: w.Instant()})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Rows.Commit(t.Context(), before, after); err != nil {
		t.Fatal(err)
	}
	if status == contracts.Confirmed {
		confirmed := after
		confirmed.Status, confirmed.Version = contracts.Confirmed, after.Version+1 // the index still has it
		w.update(t, after, confirmed)
		return confirmed
	}
	return after
}

// loadFrom loads the group from that port of orders.
func (w *fixture) loadFrom(t *testing.T, truth seats.Truth) {
	t.Helper()
	if err := w.loaderOf(truth).Ensure(t.Context(), v1(group)); err != nil {
		t.Fatal(err)
	}
}

// A row that is read as paid is sold, whichever of its tickets a query returns.
func TestAPaidRowIsSoldWithTicketsOrWithout(t *testing.T) {
	for _, status := range []contracts.Status{contracts.Committed, contracts.Confirmed} {
		for _, unseen := range [][]string{nil, {"A-1-1"}, {"A-1-3"}, {"A-1-1", "A-1-3"}} {
			t.Run(fmt.Sprint(status, unseen), func(t *testing.T) {
				w := newFixture()
				o := w.committed(t, status, "A-1-3", "A-1-1")
				w.loadFrom(t, halfDone{w.Orders(), unseen})
				w.WantPlaces(t, group, world.SoldTo(o.OrderID), world.Free, world.SoldTo(o.OrderID))
			})
		}
	}
}

// A row that is read as open and has a ticket was committed in between: all its places are sold.
func TestARowThatWasCommittedAfterItWasReadIsSoldWhole(t *testing.T) {
	w := newFixture()
	o := w.put(t, ordertest.HeldOrder(ordertest.Placed(group, "A-1-3", "A-1-1")))
	w.Rows.PutTicket(group, "A-1-1", o.OrderID)
	w.loadFrom(t, w.Orders())
	w.WantPlaces(t, group, world.SoldTo(o.OrderID), world.Free, world.SoldTo(o.OrderID))
}

// A ticket names another owner than the row that was read before it: the row has lost the place since.
func TestATicketOfAnotherOrderOutranksARowThatWasReadBefore(t *testing.T) {
	w := newFixture()
	o := w.committed(t, contracts.Committed, "A-1-1", "A-1-3")
	w.Rows.PutTicket(group, "A-1-3", "next-owner")
	w.loadFrom(t, w.Orders())
	w.WantPlaces(t, group, world.SoldTo(o.OrderID), world.Free, world.SoldTo("next-owner"))
}
