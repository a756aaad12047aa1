package seats_test

import (
	"context"
	"testing"
	"time"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/seats"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

// truth lets something happen once, right after the first of a rebuild's reads, whichever that is.
type truth struct {
	seats.Truth
	then func()
}

func (t *truth) happen() {
	if t.then != nil {
		t.then()
		t.then = nil
	}
}

func (t *truth) Tickets(ctx context.Context, g contracts.SeatGroup) (map[string]contracts.OrderID, error) {
	defer t.happen()
	return t.Truth.Tickets(ctx, g)
}

func (t *truth) OpenIDs(ctx context.Context, g contracts.SeatGroup) ([]contracts.OrderID, error) {
	defer t.happen()
	return t.Truth.OpenIDs(ctx, g)
}

// An order is paid between two reads of a rebuild, and charged as well, so that the index does not have it any more. Read
// before rows, the tickets would not have its seat, and the rows not either: it would be offered again.
func TestAnOrderThatCommitsMeanwhileIsSold(t *testing.T) {
	w := newWorld()
	open := w.put(t, ordertest.HeldOrder(ordertest.Placed(group, "A-1-1", "A-1-3")))
	paid := order.Cause{Kind: message.KindPaymentAuthorized, At: w.now}
	reads := &truth{Truth: w.rows, then: func() {
		sold, err := open.Commit("pi_1", paid)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.rows.Commit(t.Context(), open, sold); err != nil {
			t.Fatal(err)
		}
		done, err := sold.Confirm(paid)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.rows.Update(t.Context(), sold, done); err != nil {
			t.Fatal(err)
		}
	}}
	r := seats.NewLoader(w.rows, reads, w, w.store, nil, seats.LoaderOptions{
		Wait: func(context.Context, time.Duration) error { return nil }, Now: func() time.Time { return w.now.Time() },
	})
	if err := r.Ensure(t.Context(), v1(group)); err != nil || reads.then != nil {
		t.Fatal(err)
	}
	state := w.store.Inspect(group)
	for place, want := range []seatstate.State{seatstate.Sold, seatstate.Free, seatstate.Sold, seatstate.Free} {
		if got := state.Map.At(place); got != want {
			t.Errorf("place %d is %d, want %d", place, got, want)
		}
	}
}
