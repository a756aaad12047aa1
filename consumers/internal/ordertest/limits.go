package ordertest

import (
	"fmt"
	"testing"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// Counted is the first row of a held order of a buyer whose seats are counted.
func Counted(g contracts.SeatGroup, user string, seats ...string) order.Order {
	m := Placed(g, seats...)
	m.UserID = user
	return order.NewHeld(m, "1", order.Hold{
		Seats: seats, HeldAt: 1_000_500, ExpiresAt: 1_300_500, Amount: contracts.Money{Minor: 12000, Currency: "EUR"}, Limited: true,
	}, order.Cause{Kind: message.KindPlaceOrder, MessageID: "m-1", At: 1_000_600})
}

// limitTests are the promises of the limit per buyer, and of orders that lost a seat.
func limitTests(group func() contracts.SeatGroup) map[string]func(t *testing.T, b Backend) {
	outcome := func(t *testing.T, b Backend, row order.Order, limit int, want order.PutOutcome) {
		t.Helper()
		if r := b.Store.PutAll(t.Context(), []order.Put{{Order: row, Limit: limit}})[0]; r.Outcome != want || r.Err != nil {
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
			first, second, third := Counted(g, "ann", "A-1", "A-2"), Counted(g, "ann", "A-3", "A-4"), Counted(g, "ann", "A-5")
			outcome(t, b, first, 4, order.PutDone)
			outcome(t, b, second, 4, order.PutDone)
			outcome(t, b, third, 4, order.PutOverLimit)
			counted(t, b, first, 4)
			if _, found, err := b.Store.Read(t.Context(), third.OrderID); found || err != nil {
				t.Errorf("an order over the limit has a row: %v, %v", found, err)
			}
			outcome(t, b, Counted(g, "ben", "A-6"), 4, order.PutDone)
			other := Counted(group(), "ann", "A-1")
			outcome(t, b, other, 4, order.PutDone)
			counted(t, b, other, 1)
		},
		"the first order alone may be over the limit": func(t *testing.T, b Backend) {
			row := Counted(group(), "ann", "A-1", "A-2", "A-3")
			outcome(t, b, row, 2, order.PutOverLimit)
			counted(t, b, row, 0)
			outcome(t, b, row, 3, order.PutDone)
		},
		"a refused row outranks a refused allowance": func(t *testing.T, b Backend) {
			g := group()
			row := Counted(g, "ann", "A-1", "A-2")
			outcome(t, b, row, 2, order.PutDone)
			outcome(t, b, row, 2, order.PutRefused)
			counted(t, b, row, 2)
		},
		"an order that ends gives its seats back once": func(t *testing.T, b Backend) {
			row := Counted(group(), "ann", "A-1", "A-2")
			outcome(t, b, row, 2, order.PutDone)
			next := expired(t, row)
			for i := range 2 {
				if done, err := b.Store.Update(t.Context(), row, next); done != (i == 0) || err != nil {
					t.Fatalf("update %d: %v, %v", i, done, err)
				}
			}
			counted(t, b, row, 0)
			outcome(t, b, Counted(row.SeatGroup(), "ann", "A-1", "A-2"), 2, order.PutDone)
		},
		"of 16 orders of one buyer at once just those within the limit are held": func(t *testing.T, b Backend) {
			g := group()
			var puts []order.Put
			for i := range 16 {
				puts = append(puts, order.Put{Order: Counted(g, "ann", fmt.Sprintf("A-%d", i)), Limit: 5})
			}
			done, over := 0, 0
			for _, r := range b.Store.PutAll(t.Context(), puts) {
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
			counted(t, b, puts[0].Order, 5)
		},
		"an order is rejected for a lost seat only while it is lost": func(t *testing.T, b Backend) {
			row := Counted(group(), "ann", "A-1", "A-2")
			outcome(t, b, row, 2, order.PutDone)
			lost, err := row.Reject(contracts.ReasonSeatLost, []string{"A-2"}, order.Cause{At: 9})
			if err != nil {
				t.Fatal(err)
			}
			reject := func(want bool) {
				t.Helper()
				if done, err := b.Store.RejectLost(t.Context(), row, lost, "A-2"); done != want || err != nil {
					t.Fatalf("done %v, %v, want %v", done, err, want)
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
