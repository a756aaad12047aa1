package reserve_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

var errBroken = errors.New("broken connection")

// forget loses what a group knows, rows and tickets too: as a replica does that had not heard of them when it took over.
func (w *world) forget(t testing.TB, g contracts.SeatGroup) {
	t.Helper()
	w.holds.Wipe(g)
	token, err := w.rows.NextToken(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	if locked, err := w.holds.Lock(t.Context(), g, token, time.Second); err != nil || !locked {
		t.Fatal(locked, err)
	}
	if err := w.holds.Load(t.Context(), v1(g), holds.Load{Token: token, Places: 6}); err != nil {
		t.Fatal(err)
	}
}

// soldTo sells places of group A to another order, as mirror does, and returns whom that displaced.
func (w *world) soldTo(t *testing.T, id contracts.OrderID, places ...int) []contracts.OrderID {
	t.Helper()
	sale, err := w.holds.Sell(t.Context(), v1(group), id, places, 2)
	if err != nil || sale.Stale || sale.Conflict != nil {
		t.Fatalf("sale %+v, %v", sale, err)
	}
	return sale.Displaced
}

// wantHeldRow wants an open row of these seats at their whole price, and just them held for it in group A.
func (w *world) wantHeldRow(t *testing.T, id contracts.OrderID, seats ...string) {
	t.Helper()
	row := w.row(t, id)
	if !row.Status.Open() || !slices.Equal(row.Seats, seats) || row.Amount.Minor != int64(4500*len(seats)) {
		t.Errorf("row is %s with %v for %v, want %v", row.Status, row.Seats, row.Amount, seats)
	}
	places, _, _ := layout()[0].Places(seats)
	if got := w.heldIn("A", id); !slices.Equal(got, places) {
		t.Errorf("places %v are held, want %v", got, places)
	}
	record := w.holds.Inspect(group).Records[id]
	if record.HeldAt != row.HeldAt || record.HoldExpiresAt != row.HoldExpiresAt {
		t.Errorf("Redis holds from %s to %s, the row from %s to %s", record.HeldAt, record.HoldExpiresAt, row.HeldAt, row.HoldExpiresAt)
	}
}

// An order that lost one of its seats before its row was written does not become an order for the other one.
func TestHalfAnOrderNeverBecomesARow(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, w *world, id contracts.OrderID){
		"displaced by a sale": func(t *testing.T, w *world, id contracts.OrderID) {
			if told := w.soldTo(t, "winner", 1); !slices.Equal(told, []contracts.OrderID{id}) {
				t.Fatalf("told %v", told)
			}
		},
		"displaced by a repair": func(t *testing.T, w *world, id contracts.OrderID) {
			state, err := w.holds.State(t.Context(), v1(group))
			if err != nil {
				t.Fatal(err)
			}
			r, err := w.holds.Repair(t.Context(), v1(group), state.Revision.Epoch, []holds.Change{{
				Order: "winner", Version: 2, Hash: "h", Want: seatstate.Sold, Places: []int{1}, Seen: state.Seen("winner", []int{1}),
			}})
			if err != nil || !slices.Equal(r.Displaced, []contracts.OrderID{id}) {
				t.Fatalf("repaired %v", err)
			}
		},
		// No call does this to an order without a row. The data may be older than the code.
		"a part is left": func(t *testing.T, w *world, id contracts.OrderID) {
			if _, err := w.holds.Restore(t.Context(), v1(group), id, []int{1}, 1); err != nil {
				t.Fatal(err)
			}
		},
	} {
		for kind, ask := range map[string]func(w *world) message.PlaceOrder{
			"named": func(w *world) message.PlaceOrder { return w.placed("A-1-1", "A-1-2") },
			"any":   func(w *world) message.PlaceOrder { return w.best("A", 2) },
		} {
			t.Run(name+", "+kind, func(t *testing.T) {
				w := newWorld(t)
				w.fill(t, "A", "A-1-3", "A-1-4", "A-1-5", "A-1-6")
				w.fill(t, "B", "B-1-2", "B-1-4", "B-1-6")
				w.fill(t, "C", "C-1-2", "C-1-4", "C-1-6")
				m := ask(w)
				w.fail["put"] = errBroken
				want(t, w.handle(t, m), retry.ClassRetryable, "")
				lose(t, w, m.OrderID)
				reason := map[string]contracts.Reason{"named": contracts.ReasonSeatTaken, "any": contracts.ReasonNoAdjacent}[kind]
				want(t, w.handle(t, m), retry.ClassRefused, string(reason))
				if row := w.row(t, m.OrderID); row.Status != contracts.Rejected || row.Amount != nil || len(w.heldIn("A", m.OrderID)) != 0 {
					t.Errorf("row %+v, places %v", row, w.heldIn("A", m.OrderID))
				}
				if kind == "named" {
					if row := w.row(t, m.OrderID); !slices.Equal(row.Reason.Seats, []string{"A-1-2"}) {
						t.Errorf("refused for %v", row.Reason.Seats)
					}
				}
			})
		}
	}
}

// kinds of orders, for two seats each.
var kindsOfOrders = map[string]func(w *world) message.PlaceOrder{
	"named": func(w *world) message.PlaceOrder { return w.placed("A-1-3", "A-1-4") },
	"any":   func(w *world) message.PlaceOrder { return w.best("A", 2) }, // is given the same
}

// The redelivery of an open order keeps its hold, whatever Redis has of it by now, and never gives it back.
func TestARedeliveryNeverReleasesAnOpenOrder(t *testing.T) {
	for name, before := range map[string]struct {
		happens func(t *testing.T, w *world, id contracts.OrderID)
		keeps   bool
	}{
		"nothing":                {func(*testing.T, *world, contracts.OrderID) {}, true},
		"Redis had to be loaded": {func(_ *testing.T, w *world, _ contracts.OrderID) { w.holds.Wipe(group) }, true},
		"Redis forgot":           {func(t *testing.T, w *world, _ contracts.OrderID) { w.forget(t, group); w.now += 1000 }, true},
		"a part is left":         {func(t *testing.T, w *world, id contracts.OrderID) { w.withdraw(t, id, 1, 2) }, true},
		"a sale came and went": {func(t *testing.T, w *world, _ contracts.OrderID) {
			w.soldTo(t, "winner", 3)
			w.withdraw(t, "winner", 3, 3)
		}, true},
		"a seat is sold": {func(t *testing.T, w *world, _ contracts.OrderID) { w.soldTo(t, "winner", 3) }, false},
		"a seat is another's": {func(t *testing.T, w *world, _ contracts.OrderID) {
			w.forget(t, group)
			w.fill(t, "A", "A-1-4")
		}, false},
	} {
		for kind, ask := range kindsOfOrders {
			t.Run(name+", "+kind, func(t *testing.T) {
				w := newWorld(t)
				m := ask(w)
				want(t, w.handle(t, m), retry.ClassDone, "")
				w.onRelease = func(_ contracts.SeatGroup, id contracts.OrderID) {
					if id == m.OrderID {
						t.Error("the open order was released")
					}
				}
				before.happens(t, w, m.OrderID)
				for range 2 {
					w.sent = nil
					want(t, w.handle(t, m), retry.ClassDone, "")
					if row := w.row(t, m.OrderID); row.Status != contracts.Held || w.kinds() != "OpenPayment ExpireHold" {
						t.Errorf("row %s, sent %s", row.Status, w.kinds())
					}
				}
				if before.keeps {
					w.wantHeldRow(t, m.OrderID, "A-1-3", "A-1-4")
				}
			})
		}
	}
}

// withdraw takes places of group A back from an order, as mirror does when tickets were withdrawn.
func (w *world) withdraw(t *testing.T, id contracts.OrderID, version int, places ...int) {
	t.Helper()
	if r, err := w.holds.Restore(t.Context(), v1(group), id, places, version); err != nil || !slices.Equal(r.Freed, places) {
		t.Fatalf("restored %v", err)
	}
}

// A put lands after Redis lost the hold of its try and while the redelivery has another: the row decides.
func TestALatePutDecidesOverTheHoldOfTheRedelivery(t *testing.T) {
	for name, c := range map[string]struct {
		// Seats that another order has while the redelivery is decided, and has no more or still when its row is met.
		taken, stay string
		keeps       bool
	}{
		"the same seats from a later time":   {"", "", true},
		"other seats":                        {"A-1-3", "", true},
		"other seats, its own are another's": {"A-1-3", "A-1-3", false},
	} {
		for kind, ask := range kindsOfOrders {
			if kind == "named" && c.taken != "" {
				continue // it is refused a seat that is taken, and then meets its row
			}
			t.Run(name+", "+kind, func(t *testing.T) {
				w := newWorld(t)
				m := ask(w)
				w.fail["put late"] = errBroken
				want(t, w.handle(t, m), retry.ClassRetryable, "")
				w.forget(t, group)
				w.now += 20_000
				other := w.placed("A-1-3")
				if c.taken != "" {
					want(t, w.handle(t, other), retry.ClassDone, "")
				}
				w.sent = nil
				w.onPut = func(order.Order) {
					w.land(t.Context())
					if c.taken != "" && c.stay == "" {
						if _, err := w.holds.Release(t.Context(), v1(group), other.OrderID, 2); err != nil {
							t.Fatal(err)
						}
					}
				}
				want(t, w.handle(t, m), retry.ClassDone, "")
				w.onPut = nil
				if row := w.row(t, m.OrderID); !slices.Equal(row.Seats, []string{"A-1-3", "A-1-4"}) || w.kinds() != "OpenPayment ExpireHold" {
					t.Errorf("row %s with %v, sent %s", row.Status, row.Seats, w.kinds())
				}
				if c.keeps {
					w.wantHeldRow(t, m.OrderID, "A-1-3", "A-1-4")
				}
			})
		}
	}
}

// The same with the row of another body under the same key: what this body holds makes way for what the row has.
func TestARowOfAnotherBodyGetsItsHoldBack(t *testing.T) {
	for name, seats := range map[string][]string{"other seats": {"A-1-1"}, "some of them": {"A-1-3"}, "more": {"A-1-3", "A-1-4", "A-1-5"}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			first := w.placed("A-1-3", "A-1-4")
			w.fail["put late"] = errBroken
			want(t, w.handle(t, first), retry.ClassRetryable, "")
			w.forget(t, group)
			w.onPut = func(order.Order) { w.land(t.Context()) }
			want(t, w.handle(t, w.otherBody(first, seats...)), retry.ClassRefused, "other_body")
			w.wantHeldRow(t, first.OrderID, "A-1-3", "A-1-4")
			want(t, w.handle(t, first), retry.ClassDone, "")
			w.wantHeldRow(t, first.OrderID, "A-1-3", "A-1-4")
		})
	}
}

// A keep without an answer is neither yes nor no: the message comes back.
func TestAKeepThatFailsReturnsTheMessage(t *testing.T) {
	w := newWorld(t)
	m := w.placed("A-1-3", "A-1-4")
	want(t, w.handle(t, m), retry.ClassDone, "")
	w.forget(t, group)
	w.now += 1000
	w.fail["keep"] = errBroken
	w.sent = nil
	want(t, w.handle(t, m), retry.ClassRetryable, "")
	if len(w.sent) != 0 {
		t.Errorf("sent %s", w.kinds())
	}
	want(t, w.handle(t, m), retry.ClassDone, "")
	w.wantHeldRow(t, m.OrderID, "A-1-3", "A-1-4")
}
