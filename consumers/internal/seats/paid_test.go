package seats_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"boxoffice/consumers/internal/memory/memorder"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/seats"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

// halfDone is a store whose query of tickets sees a transaction half done: some tickets are not visible yet.
type halfDone struct {
	*memorder.Store
	unseen []string
}

func (h halfDone) Tickets(ctx context.Context, g contracts.SeatGroup) (map[string]contracts.OrderID, error) {
	tickets, err := h.Store.Tickets(ctx, g)
	for _, seat := range h.unseen {
		delete(tickets, seat)
	}
	return tickets, err
}

// committed is a row with its tickets, in one of the two paid statuses.
func (w *world) committed(t *testing.T, status contracts.Status, seats ...string) order.Order {
	t.Helper()
	before := w.put(t, ordertest.HeldOrder(ordertest.Placed(group, seats...)))
	after, err := before.Commit("pi_1", order.Cause{Kind: message.KindPaymentAuthorized, At: w.now})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.rows.Commit(t.Context(), before, after); err != nil {
		t.Fatal(err)
	}
	if status == contracts.Confirmed {
		confirmed := after
		confirmed.Status, confirmed.Version = contracts.Confirmed, after.Version+1 // the index still has it
		if err := w.rows.Update(t.Context(), after, confirmed); err != nil {
			t.Fatal(err)
		}
		return confirmed
	}
	return after
}

func (w *world) loadFrom(t *testing.T, truth seats.Truth) {
	t.Helper()
	r := seats.NewLoader(w.rows, truth, w, w.store, nil, seats.LoaderOptions{
		Wait: func(_ context.Context, d time.Duration) error { w.waits(d); return nil },
		Now:  func() time.Time { return w.now.Time() },
	})
	if err := r.Ensure(t.Context(), v1(group)); err != nil {
		t.Fatal(err)
	}
}

// wantSold wants the two places of an order, and no other, to be sold to it.
func (w *world) wantSold(t *testing.T, id contracts.OrderID, places ...int) {
	t.Helper()
	var sold []int
	for p, entry := range w.store.Inspect(group).Entries {
		if entry == (seatstate.Entry{State: seatstate.Sold, Order: id}) {
			sold = append(sold, p)
		}
	}
	if slices.Sort(sold); !slices.Equal(sold, places) {
		t.Errorf("places %v are sold to %s, want %v", sold, id, places)
	}
}

// A row that is read as paid counts as sold, whichever of its tickets a query sees.
func TestAPaidRowIsSoldWithTicketsOrWithout(t *testing.T) {
	for _, status := range []contracts.Status{contracts.Committed, contracts.Confirmed} {
		for _, unseen := range [][]string{nil, {"A-1-1"}, {"A-1-3"}, {"A-1-1", "A-1-3"}} {
			t.Run(fmt.Sprint(status, unseen), func(t *testing.T) {
				w := newWorld()
				o := w.committed(t, status, "A-1-3", "A-1-1")
				w.loadFrom(t, halfDone{w.rows, unseen})
				w.wantSold(t, o.OrderID, 0, 2)
			})
		}
	}
}

// A row that is read as open and has a ticket was committed in between: all its places are sold.
func TestARowThatWasCommittedAfterItWasReadIsSoldWhole(t *testing.T) {
	w := newWorld()
	o := w.put(t, ordertest.HeldOrder(ordertest.Placed(group, "A-1-3", "A-1-1")))
	w.rows.PutTicket(group, "A-1-1", o.OrderID)
	w.loadFrom(t, w.rows)
	w.wantSold(t, o.OrderID, 0, 2)
}

// A ticket names another owner of a place than the row that was read before: the row has lost the place since.
func TestATicketOfAnotherOrderOutranksARowThatWasReadBefore(t *testing.T) {
	w := newWorld()
	o := w.committed(t, contracts.Committed, "A-1-1", "A-1-3")
	w.rows.PutTicket(group, "A-1-3", "next-owner")
	w.loadFrom(t, w.rows)
	w.wantSold(t, o.OrderID, 0)
	w.wantSold(t, "next-owner", 2)
}
