package ordertest

import (
	"boxoffice/consumers/internal/retry"
	"errors"
	"fmt"
	"testing"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
)

// limitTests are the promises of the limit per buyer, and of orders that lost a seat.
func limitTests(group func() contracts.SeatGroup) map[string]func(t *testing.T, b Backend) {
	outcome := func(t *testing.T, b Backend, row order.Order, limit int, want order.PutOutcome) {
		t.Helper()
		row.BuyerLimit = limit
		if r := b.Store.PutAll(t.Context(), []order.Order{row})[0]; r.Outcome != want || r.Err != nil {
			t.Fatalf("put %v: %+v, want %d", row.Seats, r, want)
		}
	}
	counted := func(t *testing.T, b Backend, row order.Order, want int) {
		t.Helper()
		if n, err := b.Store.Allowance(t.Context(), row.ConcertID, row.UserID); n != want || err != nil {
			t.Fatalf("%d seats are counted, want %d (%v)", n, want, err)
		}
	}
	return map[string]func(t *testing.T, b Backend){
		"seats are counted up to the limit and not beyond": func(t *testing.T, b Backend) {
			g := group()
			first, second, third := HeldBy(g, "ann", 8, "A-1", "A-2"), HeldBy(g, "ann", 8, "A-3", "A-4"), HeldBy(g, "ann", 8, "A-5")
			outcome(t, b, first, 4, order.PutDone)
			outcome(t, b, second, 4, order.PutDone)
			outcome(t, b, third, 4, order.PutOverLimit)
			counted(t, b, first, 4)
			if _, found, err := b.Store.Read(t.Context(), third.OrderID); found || err != nil {
				t.Errorf("an order over the limit has a row: %v, %v", found, err)
			}
			outcome(t, b, HeldBy(g, "ben", 8, "A-6"), 4, order.PutDone)
			other := HeldBy(group(), "ann", 8, "A-1")
			outcome(t, b, other, 4, order.PutDone)
			counted(t, b, other, 1)
		},
		"the first order alone may be over the limit": func(t *testing.T, b Backend) {
			row := HeldBy(group(), "ann", 8, "A-1", "A-2", "A-3")
			outcome(t, b, row, 2, order.PutOverLimit)
			counted(t, b, row, 0)
			outcome(t, b, row, 3, order.PutDone)
		},
		"a refused row outranks a refused allowance": func(t *testing.T, b Backend) {
			g := group()
			row := HeldBy(g, "ann", 8, "A-1", "A-2")
			outcome(t, b, row, 2, order.PutDone)
			outcome(t, b, row, 2, order.PutRefused)
			counted(t, b, row, 2)
		},
		"an order that ends gives its seats back once": func(t *testing.T, b Backend) {
			row := HeldBy(group(), "ann", 8, "A-1", "A-2")
			outcome(t, b, row, 2, order.PutDone)
			next := expired(t, row)
			for i := range 2 {
				if err := b.Store.Update(t.Context(), row, next); i == 0 && err != nil || i > 0 && !errors.Is(err, retry.ErrMoved) {
					t.Fatalf("update %d: %v", i, err)
				}
			}
			counted(t, b, row, 0)
			outcome(t, b, HeldBy(row.SeatGroup(), "ann", 8, "A-1", "A-2"), 2, order.PutDone)
		},
		"of 16 orders of one buyer at once just those within the limit are held": func(t *testing.T, b Backend) {
			g := group()
			var rows []order.Order
			for i := range 16 {
				rows = append(rows, HeldBy(g, "ann", 5, fmt.Sprintf("A-%d", i)))
			}
			done, over := 0, 0
			for _, r := range b.Store.PutAll(t.Context(), rows) {
				switch r.Outcome {
				case order.PutDone:
					done++
				case order.PutOverLimit:
					over++
				default:
					t.Errorf("got %+v", r)
				}
			}
			if done != 5 || over != 11 {
				t.Errorf("%d are held and %d over the limit, want 5 and 11", done, over)
			}
			counted(t, b, rows[0], 5)
		},
		"an order is rejected for a lost seat only while it is lost": func(t *testing.T, b Backend) {
			row := HeldBy(group(), "ann", 8, "A-1", "A-2")
			outcome(t, b, row, 2, order.PutDone)
			lost, err := row.Reject(contracts.ReasonSeatLost, []string{"A-2"}, order.Cause{At: 9})
			if err != nil {
				t.Fatal(err)
			}
			reject := func(want bool) {
				t.Helper()
				if err := b.Store.RejectLost(t.Context(), row, lost, "A-2"); want && err != nil || !want && !errors.Is(err, retry.ErrMoved) {
					t.Fatalf("RejectLost returns %v, want done: %v", err, want)
				}
			}
			reject(false) // nobody's
			b.PutTicket(row.SeatGroup(), "A-2", row.OrderID)
			reject(false) // its own
			b.PutTicket(row.SeatGroup(), "A-2", "other")
			reject(true)
			reject(false) // the version has moved
			counted(t, b, row, 0)
		},
	}
}
