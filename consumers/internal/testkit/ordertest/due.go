package ordertest

import (
	"slices"
	"testing"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// dueFrom is later than the steps of all orders of other tests in the suite: a scan reads the whole store, which all tests
// may share.
const dueFrom contracts.Instant = 9_000_000_000_000

// dueOrder returns the first row of an order whose OpenPayment is late at that instant.
func dueOrder(g contracts.SeatGroup, at contracts.Instant) order.Order {
	m := Placed(g, "A-1-1")
	o := order.NewHeld(m, "1", order.Hold{Seats: m.Seats, HeldAt: at, ExpiresAt: at + 300_000, BuyerLimit: 8}, order.Cause{Kind: message.KindPlaceOrder, MessageID: "m-1", At: at})
	o.DueAt = at
	return o
}

// scanned returns the orders of all segments that are due after dueFrom and by scan.By, and the number of pages read.
func scanned(t *testing.T, b Backend, scan order.DueScan) (due []order.Due, pages int) {
	t.Helper()
	for scan.Segment = range scan.Segments {
		for scan.From = ""; ; {
			page, err := b.Store.DuePage(t.Context(), scan)
			if err != nil {
				t.Fatal(err)
			}
			pages++
			for _, d := range page.Due {
				if d.DueAt >= dueFrom {
					due = append(due, d)
				}
			}
			if page.Next == "" {
				break
			}
			if scan.From = page.Next; pages > 10_000 {
				t.Fatal("the scan has no end")
			}
		}
	}
	slices.SortFunc(due, func(a, b order.Due) int { return int(a.DueAt - b.DueAt) })
	return due, pages
}

// dueTests are the promises about the index of open orders, as reconcile reads it.
func dueTests(group func() contracts.SeatGroup) map[string]func(t *testing.T, b Backend) {
	return map[string]func(t *testing.T, b Backend){
		"a scan has each due order once, whatever its concert, in any number of segments and over every page": func(t *testing.T, b Backend) {
			var want []order.Due
			at := dueFrom
			for range 40 {
				g := group()
				for range 3 {
					row := dueOrder(g, at)
					put(t, b, row)
					want = append(want, order.Due{OrderID: row.OrderID, DueAt: at})
					at++
				}
			}
			later := dueOrder(group(), at)
			put(t, b, later)
			for _, segments := range []int{1, 2, 7, 16} {
				for _, limit := range []int{0, 1, 5, 1000} {
					got, pages := scanned(t, b, order.DueScan{By: at - 1, Segments: segments, Limit: limit})
					if !slices.Equal(got, want) {
						t.Errorf("%d segments, %d a page: %d orders, want %d: %v", segments, limit, len(got), len(want), got)
					}
					if limit == 1 && pages < len(want) {
						t.Errorf("%d segments: %d pages of one order are less than the %d orders", segments, pages, len(want))
					}
				}
			}
			if got, _ := scanned(t, b, order.DueScan{By: at, Segments: 3}); len(got) != len(want)+1 {
				t.Errorf("%d orders are due at the instant itself, want %d", len(got), len(want)+1)
			}
		},
		"a scan has no order without a due step": func(t *testing.T, b Backend) {
			row := dueOrder(group(), dueFrom+1_000_000)
			put(t, b, row)
			there := func() bool {
				due, _ := scanned(t, b, order.DueScan{By: dueFrom + 2_000_000, Segments: 4})
				return slices.ContainsFunc(due, func(d order.Due) bool { return d.OrderID == row.OrderID })
			}
			if !there() {
				t.Fatal("an open order is not in the index")
			}
			next, err := row.Cancel(order.Cause{Kind: message.KindCancelOrder, At: row.DueAt})
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Store.Update(t.Context(), row, next); err != nil {
				t.Fatalf("update: %v", err)
			}
			if there() {
				t.Error("an order that has ended is in the index")
			}
		},
		"the orders of a group are in one segment": func(t *testing.T, b Backend) {
			g := group()
			at := dueFrom + 3_000_000
			for i := range 5 {
				put(t, b, dueOrder(g, at+contracts.Instant(i)))
			}
			found := map[int]int{}
			for segment := range 8 {
				page, err := b.Store.DuePage(t.Context(), order.DueScan{By: at + 5, Segment: segment, Segments: 8})
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range page.Due {
					if d.DueAt >= at && d.DueAt < at+5 {
						found[segment]++
					}
				}
			}
			if len(found) != 1 {
				t.Errorf("orders by segment: %v", found)
			}
		},
		"a scan counts the open orders by their status, due or not": func(t *testing.T, b Backend) {
			at := dueFrom + 4_000_000
			count := func() map[contracts.Status]int {
				n := map[contracts.Status]int{}
				for segment := range 4 {
					for scan := (order.DueScan{By: at, Segment: segment, Segments: 4, Limit: 3}); ; {
						page, err := b.Store.DuePage(t.Context(), scan)
						if err != nil {
							t.Fatal(err)
						}
						for status, orders := range page.Open {
							n[status] += orders
						}
						if scan.From = page.Next; page.Next == "" {
							break
						}
					}
				}
				return n
			}
			before := count()
			cause := order.Cause{Kind: message.KindOpenPayment, At: at}
			for i := range 6 {
				row := dueOrder(group(), at+contracts.Instant(i-3)*1000) // the first four are due
				put(t, b, row)
				if i%3 == 0 {
					continue
				}
				next, err := row.AwaitPayment("pi_1", "secret", cause)
				if err == nil {
					err = b.Store.Update(t.Context(), row, next)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			after := count()
			for status, want := range map[contracts.Status]int{contracts.Held: 2, contracts.AwaitingPayment: 4, contracts.Committed: 0, "": 0} {
				if got := after[status] - before[status]; got != want {
					t.Errorf("%d more orders are %q, want %d", got, status, want)
				}
			}
		},
		"an invalid cursor is refused": func(t *testing.T, b Backend) {
			if _, err := b.Store.DuePage(t.Context(), order.DueScan{By: 1, Segments: 1, From: "nonsense"}); err == nil {
				t.Error("nonsense is taken for a cursor")
			}
		},
	}
}
