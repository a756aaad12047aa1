package reserve_test

import (
	"slices"
	"testing"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// onlyPair leaves two adjacent seats in one group and none anywhere else.
func (w *world) onlyPair(t *testing.T, in string) {
	t.Helper()
	for _, name := range []string{"A", "B", "C"} {
		seats := []string{name + "-1-2", name + "-1-4", name + "-1-6"}
		if name == in {
			seats = []string{name + "-1-1", name + "-1-2", name + "-1-3", name + "-1-6"}
		}
		w.fill(t, name, seats...)
	}
}

// An order that holds the last pair is not refused because the map shows no pair: its own hold is what it meets.
func TestTheLastPairIsNotRefusedToItsHolder(t *testing.T) {
	for name, c := range map[string]struct {
		fails string
		// between happens between the two deliveries.
		between func(t *testing.T, w *world)
	}{
		"the put is throttled":                            {"put", nil},
		"the put is throttled, and the group reloads":     {"put", func(_ *testing.T, w *world) { w.holds.Wipe(group) }},
		"the put's answer is lost":                        {"put reply", nil},
		"the put's answer is lost, and the group reloads": {"put reply", func(_ *testing.T, w *world) { w.holds.Wipe(group) }},
		"the put lands late":                              {"put late", func(t *testing.T, w *world) { w.land(t.Context()) }},
		"the put lands late, and the group reloads after it": {"put late", func(t *testing.T, w *world) {
			w.land(t.Context())
			w.holds.Wipe(group)
		}},
		"the put lands late, and the group reloads before it": {"put late", func(t *testing.T, w *world) {
			w.holds.Wipe(group)
			if err := w.loader().Ensure(t.Context(), v1(group)); err != nil {
				t.Fatal(err)
			}
			w.land(t.Context())
		}},
		"the script's answer is lost": {"hold reply", nil},
		"the send fails":              {"send", nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.onlyPair(t, "A")
			m := w.best("A", 2)
			w.fail[c.fails] = errBroken
			want(t, w.handle(t, m), retry.ClassRetryable, "")
			if c.between != nil {
				c.between(t, w)
			}
			w.now += 1000
			w.sent = nil
			for range 2 {
				want(t, w.handle(t, m), retry.ClassDone, "")
				w.wantHeldRow(t, m.OrderID, "A-1-4", "A-1-5")
			}
			if w.kinds() != "OpenPayment ExpireHold OpenPayment ExpireHold" {
				t.Errorf("sent %s", w.kinds())
			}
		})
	}
}

// The same in a group that the order was sent on to, whichever of its two messages is delivered again, and with no hop left.
func TestTheLastPairOfALaterGroupIsNotRefusedToItsHolder(t *testing.T) {
	for name, again := range map[string]func(first, on message.PlaceOrder) message.PlaceOrder{
		"the message that was sent on": func(_, on message.PlaceOrder) message.PlaceOrder { return on },
		"the first message":            func(first, _ message.PlaceOrder) message.PlaceOrder { return first },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.onlyPair(t, "B")
			m := w.best("A", 2)
			want(t, w.handle(t, m), retry.ClassDone, "")
			on := w.sentOn(t)
			w.fail["put"] = errBroken
			want(t, w.handle(t, on), retry.ClassRetryable, "")
			w.sent = nil
			want(t, w.handle(t, again(m, on)), retry.ClassDone, "")
			for _, next := range w.allSentOn(t) {
				want(t, w.handle(t, next), retry.ClassDone, "")
			}
			row := w.row(t, m.OrderID)
			if row.Status != contracts.Held || row.Group != "B" || !slices.Equal(row.Seats, []string{"B-1-4", "B-1-5"}) || !slices.Equal(w.heldIn("B", m.OrderID), []int{3, 4}) {
				t.Errorf("row %s in %s with %v", row.Status, row.Group, row.Seats)
			}
		})
	}
	t.Run("no hop left", func(t *testing.T) {
		w := newWorld(t)
		w.onlyPair(t, "A")
		m := w.best("A", 2, "X", "Y", "Z")
		w.fail["put"] = errBroken
		want(t, w.handle(t, m), retry.ClassRetryable, "")
		want(t, w.handle(t, m), retry.ClassDone, "")
		w.wantHeldRow(t, m.OrderID, "A-1-4", "A-1-5")
	})
}

// allSentOn are the PlaceOrders among what was sent.
func (w *world) allSentOn(t *testing.T) (orders []message.PlaceOrder) {
	t.Helper()
	for _, sent := range w.sent {
		decoded, err := message.Decode(sent.Body)
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := decoded.(message.PlaceOrder); ok {
			orders = append(orders, m)
		}
	}
	return orders
}

func (w *world) sentOn(t *testing.T) message.PlaceOrder {
	t.Helper()
	orders := w.allSentOn(t)
	if len(orders) != 1 {
		t.Fatalf("sent %s", w.kinds())
	}
	return orders[0]
}

// A row that landed in this group after the order was sent on from it stays the order's row.
func TestALatePutAfterTheOrderWasSentOn(t *testing.T) {
	w := newWorld(t)
	m := w.best("A", 2)
	w.fail["put late"] = errBroken
	want(t, w.handle(t, m), retry.ClassRetryable, "")
	w.forget(t, group)
	w.fill(t, "A", "A-1-2", "A-1-5")
	w.fill(t, "A", "A-1-3")
	want(t, w.handle(t, m), retry.ClassDone, "")
	on := w.sentOn(t)
	w.land(t.Context())
	want(t, w.handle(t, on), retry.ClassDone, "")
	row := w.row(t, m.OrderID)
	if row.Status != contracts.Held || row.Group != "A" || len(w.heldIn("B", m.OrderID)) != 0 {
		t.Errorf("row %s in %s, places %v of B", row.Status, row.Group, w.heldIn("B", m.OrderID))
	}
}

// An order whose hold is over here is told so, and not that there are no seats.
func TestAnOrderWhoseHoldIsOverIsNotRefusedForWantOfSeats(t *testing.T) {
	w := newWorld(t)
	w.onlyPair(t, "A")
	m := w.best("A", 2)
	w.fail["put"] = errBroken
	want(t, w.handle(t, m), retry.ClassRetryable, "")
	if _, err := w.holds.Release(t.Context(), v1(group), m.OrderID, 1); err != nil {
		t.Fatal(err)
	}
	w.fill(t, "A", "A-1-4")
	want(t, w.handle(t, m), retry.ClassRefused, "deadline_passed")
}

// The question costs one script call, and only an order asks it that would be refused. It leaves nothing behind: the
// same order is held if seats have come free before its row is written.
func TestARefusalAsksOnceAndLeavesNothing(t *testing.T) {
	w := newWorld(t)
	w.onlyPair(t, "A")
	free := w.placed("A-1-4")
	want(t, w.handle(t, free), retry.ClassDone, "")
	w.scripts = 0
	w.onRelease = func(_ contracts.SeatGroup, id contracts.OrderID) { t.Errorf("%s was released", id) }
	m := w.best("A", 2)
	w.fail["put"] = errBroken
	want(t, w.handle(t, m), retry.ClassRetryable, "")
	if record, known := w.holds.Inspect(group).Records[m.OrderID]; known || w.scripts != 1 {
		t.Errorf("%d script calls, record %q", w.scripts, record)
	}
	w.onRelease = nil
	if _, err := w.holds.Release(t.Context(), v1(group), free.OrderID, 2); err != nil {
		t.Fatal(err)
	}
	want(t, w.handle(t, m), retry.ClassDone, "")
	w.wantHeldRow(t, m.OrderID, "A-1-4", "A-1-5")
	roomy := newWorld(t)
	want(t, roomy.handle(t, roomy.best("A", 2)), retry.ClassDone, "")
	if roomy.scripts != 1 {
		t.Errorf("an order that is held makes %d script calls", roomy.scripts)
	}
}
