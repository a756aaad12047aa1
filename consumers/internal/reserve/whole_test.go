package reserve_test

import (
	"slices"
	"testing"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

// forget empties a group, which stays loaded: like a replica that takes over and has not received what was written last.
func (w *fixture) forget(t testing.TB, g contracts.SeatGroup) {
	t.Helper()
	w.Holds.Wipe(g)
	token, err := w.Rows.NextToken(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	if locked, err := w.Holds.Lock(t.Context(), g, token, time.Second); err != nil || !locked {
		t.Fatal(locked, err)
	}
	if err := w.Holds.Load(t.Context(), v1(g), holds.Load{Token: token, Places: 6}); err != nil {
		t.Fatal(err)
	}
}

// soldTo sells places of group A to another order, as mirror does, and returns the orders that this displaced.
func (w *fixture) soldTo(t *testing.T, id contracts.OrderID, places ...int) []contracts.OrderID {
	t.Helper()
	sale, err := w.Holds.Sell(t.Context(), v1(group), id, places, 2)
	if err != nil || sale.Stale || sale.Conflict != nil {
		t.Fatalf("the sale is stale %v, in conflict %v, %v", sale.Stale, sale.Conflict, err)
	}
	return sale.Displaced
}

// wantHeldRow wants an open row of these seats at their whole price, and just them held for it in group A.
func (w *fixture) wantHeldRow(t *testing.T, id contracts.OrderID, seats ...string) {
	t.Helper()
	row := w.Row(t, id)
	if !row.Status.Open() || !slices.Equal(row.Seats, seats) || row.Amount.Minor != int64(4500*len(seats)) {
		t.Errorf("row is %s with %v for %v, want %v", row.Status, row.Seats, row.Amount, seats)
	}
	places, _, _ := layout()[0].Places(seats)
	if got := w.heldIn("A", id); !slices.Equal(got, places) {
		t.Errorf("places %v are held, want %v", got, places)
	}
	record := w.Holds.Inspect(group).Records[id]
	if record.HeldAt != row.HeldAt || record.HoldExpiresAt != row.HoldExpiresAt {
		t.Errorf("Redis holds from %s to %s, the row from %s to %s", record.HeldAt, record.HoldExpiresAt, row.HeldAt, row.HoldExpiresAt)
	}
}

// An order that lost one of its seats before its row was written does not become an order for the other one.
func TestHalfAnOrderNeverBecomesARow(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, w *fixture, id contracts.OrderID){
		"displaced by a sale": func(t *testing.T, w *fixture, id contracts.OrderID) {
			if displaced := w.soldTo(t, "winner", 1); !slices.Equal(displaced, []contracts.OrderID{id}) {
				t.Fatalf("the sale displaced %v", displaced)
			}
		},
		"displaced by a repair": func(t *testing.T, w *fixture, id contracts.OrderID) {
			state, err := w.Holds.State(t.Context(), v1(group))
			if err != nil {
				t.Fatal(err)
			}
			r, err := w.Holds.Repair(t.Context(), v1(group), state.Revision.Epoch, []holds.Change{{
				Order: "winner", Version: 2, Hash: "h", Want: seatstate.Sold, Places: []int{1}, Seen: state.Seen("winner", []int{1}),
			}})
			if err != nil || !slices.Equal(r.Displaced, []contracts.OrderID{id}) {
				t.Fatalf("repaired %v", err)
			}
		},
		// No call does this to an order without a row. The data may be older than the code.
		"a part is left": func(t *testing.T, w *fixture, id contracts.OrderID) {
			if _, err := w.Holds.Restore(t.Context(), v1(group), id, []int{1}, 1); err != nil {
				t.Fatal(err)
			}
		},
	} {
		for kind, ask := range map[string]func(w *fixture) message.PlaceOrder{
			"named": func(w *fixture) message.PlaceOrder { return w.placed("A-1-1", "A-1-2") },
			"any":   func(w *fixture) message.PlaceOrder { return w.best("A", 2) },
		} {
			t.Run(name+", "+kind, func(t *testing.T) {
				w := newFixture(t)
				w.fill(t, "A", "A-1-3", "A-1-4", "A-1-5", "A-1-6")
				w.fill(t, "B", "B-1-2", "B-1-4", "B-1-6")
				w.fill(t, "C", "C-1-2", "C-1-4", "C-1-6")
				m := ask(w)
				w.Inject(world.Fails(world.Put))
				world.WantRetryable(t, w.handle(t, m))
				lose(t, w, m.OrderID)
				reason := map[string]contracts.Reason{"named": contracts.ReasonSeatTaken, "any": contracts.ReasonNoAdjacent}[kind]
				world.WantOutcome(t, w.handle(t, m), retry.ClassRefused, string(reason))
				if row := w.WantRow(t, m.OrderID, contracts.Rejected, 1); row.Amount != nil || len(w.heldIn("A", m.OrderID)) != 0 {
					t.Errorf("the row has the price %v, places %v are held; want none", row.Amount, w.heldIn("A", m.OrderID))
				}
				if kind == "named" {
					w.WantReason(t, m.OrderID, reason, "A-1-2")
				}
			})
		}
	}
}

// kinds of orders, for two seats each.
var kindsOfOrders = map[string]func(w *fixture) message.PlaceOrder{
	"named": func(w *fixture) message.PlaceOrder { return w.placed("A-1-3", "A-1-4") },
	"any":   func(w *fixture) message.PlaceOrder { return w.best("A", 2) }, // is given the same
}

// The redelivery of an open order keeps its hold, whatever Redis has of it by now, and never gives it back.
func TestARedeliveryNeverReleasesAnOpenOrder(t *testing.T) {
	for name, before := range map[string]struct {
		happens func(t *testing.T, w *fixture, id contracts.OrderID)
		keeps   bool
	}{
		"nothing":                {func(*testing.T, *fixture, contracts.OrderID) {}, true},
		"Redis had to be loaded": {func(_ *testing.T, w *fixture, _ contracts.OrderID) { w.Holds.Wipe(group) }, true},
		"Redis forgot":           {func(t *testing.T, w *fixture, _ contracts.OrderID) { w.forget(t, group); w.Advance(time.Second) }, true},
		"a part is left":         {func(t *testing.T, w *fixture, id contracts.OrderID) { w.withdraw(t, id, 1, 2) }, true},
		"a sale came and went": {func(t *testing.T, w *fixture, _ contracts.OrderID) {
			w.soldTo(t, "winner", 3)
			w.withdraw(t, "winner", 3, 3)
		}, true},
		"a seat is sold": {func(t *testing.T, w *fixture, _ contracts.OrderID) { w.soldTo(t, "winner", 3) }, false},
		"a seat is another's": {func(t *testing.T, w *fixture, _ contracts.OrderID) {
			w.forget(t, group)
			w.fill(t, "A", "A-1-4")
		}, false},
	} {
		for kind, ask := range kindsOfOrders {
			t.Run(name+", "+kind, func(t *testing.T) {
				w := newFixture(t)
				m := ask(w)
				world.WantDone(t, w.handle(t, m))
				w.BeforeEach(func(c world.Call, about ...string) {
					if c == world.Release && slices.Contains(about, string(m.OrderID)) {
						t.Error("the open order was released")
					}
				})
				before.happens(t, w, m.OrderID)
				for range 2 {
					w.ForgetSent()
					world.WantDone(t, w.handle(t, m))
					w.WantRow(t, m.OrderID, contracts.Held, 1)
					w.sentHeld(t)
				}
				if before.keeps {
					w.wantHeldRow(t, m.OrderID, "A-1-3", "A-1-4")
				}
			})
		}
	}
}

// withdraw takes places of group A back from an order, as mirror does when tickets were withdrawn.
func (w *fixture) withdraw(t *testing.T, id contracts.OrderID, version int, places ...int) {
	t.Helper()
	if r, err := w.Holds.Restore(t.Context(), v1(group), id, places, version); err != nil || !slices.Equal(r.Freed, places) {
		t.Fatalf("restored %v", err)
	}
}

// A put lands after Redis lost the hold of its attempt, while the redelivery has another hold: the row decides.
func TestALatePutDecidesOverTheHoldOfTheRedelivery(t *testing.T) {
	for name, c := range map[string]struct {
		// taken is a seat that another order has while the redelivery is decided; stay, if it still has it when the row is met.
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
				w := newFixture(t)
				m := ask(w)
				w.Inject(world.LandsLate(world.Put))
				world.WantRetryable(t, w.handle(t, m))
				w.forget(t, group)
				w.Advance(20 * time.Second)
				other := w.placed("A-1-3")
				if c.taken != "" {
					world.WantDone(t, w.handle(t, other))
				}
				w.ForgetSent()
				w.Meanwhile(world.Put, func() {
					w.Land()
					if c.taken != "" && c.stay == "" {
						if _, err := w.Holds.Release(t.Context(), v1(group), other.OrderID, 2); err != nil {
							t.Fatal(err)
						}
					}
				})
				world.WantDone(t, w.handle(t, m))
				wantSeats(t, w.Row(t, m.OrderID), "A-1-3", "A-1-4")
				w.sentHeld(t)
				if c.keeps {
					w.wantHeldRow(t, m.OrderID, "A-1-3", "A-1-4")
				}
			})
		}
	}
}

// The same with the row of another body under the same key: the hold of this body is replaced by the hold of the row.
func TestARowOfAnotherBodyGetsItsHoldBack(t *testing.T) {
	for name, seats := range map[string][]string{"other seats": {"A-1-1"}, "some of them": {"A-1-3"}, "more": {"A-1-3", "A-1-4", "A-1-5"}} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			first := w.placed("A-1-3", "A-1-4")
			w.Inject(world.LandsLate(world.Put))
			world.WantRetryable(t, w.handle(t, first))
			w.forget(t, group)
			w.Meanwhile(world.Put, w.Land)
			world.WantOutcome(t, w.handle(t, w.otherBody(first, seats...)), retry.ClassRefused, "other_body")
			w.wantHeldRow(t, first.OrderID, "A-1-3", "A-1-4")
			world.WantDone(t, w.handle(t, first))
			w.wantHeldRow(t, first.OrderID, "A-1-3", "A-1-4")
		})
	}
}

// The result of a keep without an answer is unknown: the message is redelivered.
func TestAKeepThatFailsRedeliversTheMessage(t *testing.T) {
	w := newFixture(t)
	m := w.placed("A-1-3", "A-1-4")
	world.WantDone(t, w.handle(t, m))
	w.forget(t, group)
	w.Advance(time.Second)
	w.Inject(world.Fails(world.Keep))
	w.ForgetSent()
	world.WantRetryable(t, w.handle(t, m))
	w.WantSent(t)
	world.WantDone(t, w.handle(t, m))
	w.wantHeldRow(t, m.OrderID, "A-1-3", "A-1-4")
}
