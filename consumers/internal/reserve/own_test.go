package reserve_test

import (
	"slices"
	"testing"
	"time"

	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// onlyPair leaves two adjacent seats in one group and none anywhere else.
func (w *fixture) onlyPair(t *testing.T, in string) {
	t.Helper()
	for _, name := range []string{"A", "B", "C"} {
		seats := []string{name + "-1-2", name + "-1-4", name + "-1-6"}
		if name == in {
			seats = []string{name + "-1-1", name + "-1-2", name + "-1-3", name + "-1-6"}
		}
		w.fill(t, name, seats...)
	}
}

// An order that holds the last pair is not refused because the map shows no pair: the map shows its own hold.
func TestTheLastPairIsNotRefusedToItsHolder(t *testing.T) {
	for name, c := range map[string]struct {
		fault world.Fault
		// between happens between the two deliveries.
		between func(t *testing.T, w *fixture)
	}{
		"the put is throttled":                            {world.Fails(world.Put), nil},
		"the put is throttled, and the group reloads":     {world.Fails(world.Put), func(_ *testing.T, w *fixture) { w.Holds.Wipe(group) }},
		"the put's answer is lost":                        {world.LosesAnswer(world.Put), nil},
		"the put's answer is lost, and the group reloads": {world.LosesAnswer(world.Put), func(_ *testing.T, w *fixture) { w.Holds.Wipe(group) }},
		"the put lands late":                              {world.LandsLate(world.Put), func(t *testing.T, w *fixture) { w.Land() }},
		"the put lands late, and the group reloads after it": {world.LandsLate(world.Put), func(t *testing.T, w *fixture) {
			w.Land()
			w.Holds.Wipe(group)
		}},
		"the put lands late, and the group reloads before it": {world.LandsLate(world.Put), func(t *testing.T, w *fixture) {
			w.Holds.Wipe(group)
			if err := w.Loader().Ensure(t.Context(), v1(group)); err != nil {
				t.Fatal(err)
			}
			w.Land()
		}},
		"the script's answer is lost": {world.LosesAnswer(world.Hold), nil},
		"the send fails":              {world.Fails(world.Send), nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			w.onlyPair(t, "A")
			m := w.best("A", 2)
			w.Inject(c.fault)
			world.WantRetryable(t, w.handle(t, m))
			if c.between != nil {
				c.between(t, w)
			}
			w.Advance(time.Second)
			w.ForgetSent()
			for range 2 {
				world.WantDone(t, w.handle(t, m))
				w.wantHeldRow(t, m.OrderID, "A-1-4", "A-1-5")
			}
			w.WantSent(t, message.KindOpenPayment, message.KindExpireHold, message.KindOpenPayment, message.KindExpireHold)
		})
	}
}

// The same in a group that the order was sent on to, whichever of its two messages is redelivered, and with no hop left.
func TestTheLastPairOfALaterGroupIsNotRefusedToItsHolder(t *testing.T) {
	for name, again := range map[string]func(first, on message.PlaceOrder) message.PlaceOrder{
		"the message that was sent on": func(_, on message.PlaceOrder) message.PlaceOrder { return on },
		"the first message":            func(first, _ message.PlaceOrder) message.PlaceOrder { return first },
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			w.onlyPair(t, "B")
			m := w.best("A", 2)
			world.WantDone(t, w.handle(t, m))
			on := w.sentOn(t)
			w.Inject(world.Fails(world.Put))
			world.WantRetryable(t, w.handle(t, on))
			w.ForgetSent()
			world.WantDone(t, w.handle(t, again(m, on)))
			for _, next := range w.allSentOn(t) {
				world.WantDone(t, w.handle(t, next))
			}
			wantSeats(t, w.WantRow(t, m.OrderID, contracts.Held, 1), "B-1-4", "B-1-5")
			if places := w.heldIn("B", m.OrderID); !slices.Equal(places, []int{3, 4}) {
				t.Errorf("places %v of B are held, want 3 and 4", places)
			}
		})
	}
	t.Run("no hop left", func(t *testing.T) {
		w := newFixture(t)
		w.onlyPair(t, "A")
		m := w.best("A", 2, "X", "Y", "Z")
		w.Inject(world.Fails(world.Put))
		world.WantRetryable(t, w.handle(t, m))
		world.WantDone(t, w.handle(t, m))
		w.wantHeldRow(t, m.OrderID, "A-1-4", "A-1-5")
	})
}

// allSentOn are the PlaceOrders among what was sent.
func (w *fixture) allSentOn(t *testing.T) (orders []message.PlaceOrder) {
	t.Helper()
	for _, sent := range w.Sent() {
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

func (w *fixture) sentOn(t *testing.T) message.PlaceOrder {
	t.Helper()
	orders := w.allSentOn(t)
	if len(orders) != 1 {
		t.Fatalf("sent %v, with %d PlaceOrders; want one", w.SentKinds(), len(orders))
	}
	return orders[0]
}

// A row that landed in this group after the order was sent on from it stays the order's row.
func TestALatePutAfterTheOrderWasSentOn(t *testing.T) {
	w := newFixture(t)
	m := w.best("A", 2)
	w.Inject(world.LandsLate(world.Put))
	world.WantRetryable(t, w.handle(t, m))
	w.forget(t, group)
	w.fill(t, "A", "A-1-2", "A-1-5")
	w.fill(t, "A", "A-1-3")
	world.WantDone(t, w.handle(t, m))
	on := w.sentOn(t)
	w.Land()
	world.WantDone(t, w.handle(t, on))
	row := w.WantRow(t, m.OrderID, contracts.Held, 1)
	if row.Group != "A" || len(w.heldIn("B", m.OrderID)) != 0 {
		t.Errorf("the row is in %s, places %v of B are held; want A and none", row.Group, w.heldIn("B", m.OrderID))
	}
}

// An order whose hold has ended here is rejected for its deadline, and not for want of seats.
func TestAnOrderWhoseHoldHasEndedIsNotRefusedForWantOfSeats(t *testing.T) {
	w := newFixture(t)
	w.onlyPair(t, "A")
	m := w.best("A", 2)
	w.Inject(world.Fails(world.Put))
	world.WantRetryable(t, w.handle(t, m))
	if _, err := w.Holds.Release(t.Context(), v1(group), m.OrderID, 1); err != nil {
		t.Fatal(err)
	}
	w.fill(t, "A", "A-1-4")
	world.WantOutcome(t, w.handle(t, m), retry.ClassRefused, "deadline_passed")
}

// Only an order that would be refused asks for its own hold, with one script call, which writes nothing: the same order is held
// if seats have become free before its row is written.
func TestARefusalAsksOnceAndLeavesNothing(t *testing.T) {
	w := newFixture(t)
	w.onlyPair(t, "A")
	free := w.placed("A-1-4")
	world.WantDone(t, w.handle(t, free))
	w.ForgetCalls()
	m := w.best("A", 2)
	w.Inject(world.Fails(world.Put))
	world.WantRetryable(t, w.handle(t, m))
	if record, known := w.Holds.Inspect(group).Records[m.OrderID]; known || w.scripts() != 1 || w.Count(world.Release) != 0 {
		t.Errorf("%d script calls, %d releases, record %q", w.scripts(), w.Count(world.Release), record)
	}
	if _, err := w.Holds.Release(t.Context(), v1(group), free.OrderID, 2); err != nil {
		t.Fatal(err)
	}
	world.WantDone(t, w.handle(t, m))
	w.wantHeldRow(t, m.OrderID, "A-1-4", "A-1-5")
	roomy := newFixture(t)
	world.WantDone(t, roomy.handle(t, roomy.best("A", 2)))
	if n := roomy.scripts(); n != 1 {
		t.Errorf("an order that is held makes %d script calls, want 1", n)
	}
}
