package reserve_test

import (
	"testing"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// otherBody is the same order asking for other seats, as after a second POST under one key.
func (w *fixture) otherBody(m message.PlaceOrder, seats ...string) message.PlaceOrder {
	other := w.placed(seats...)
	other.OrderID, other.UserID = m.OrderID, m.UserID
	return other
}

// A second body that is refused before it asks for seats must not free what the first one holds.
func TestASecondBodyThatIsLateLeavesTheHold(t *testing.T) {
	for name, spoil := range map[string]func(w *fixture, m *message.PlaceOrder){
		"past its deadline": func(w *fixture, m *message.PlaceOrder) { m.Deadline = w.Instant() - 1 },
		"another layout":    func(_ *fixture, m *message.PlaceOrder) { m.LayoutVersion = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			first := w.placed("A-1-1", "A-1-2")
			world.WantDone(t, w.handle(t, first))
			second := w.otherBody(first, "A-1-3")
			spoil(w, &second)
			world.WantOutcome(t, w.handle(t, second), retry.ClassRefused, "other_body")
			w.WantRow(t, first.OrderID, contracts.Held, 1)
			w.WantTaken(t, group, 0, 1)
			// A redelivery of the first one, as late, is still the row's own message.
			spoil(w, &first)
			world.WantDone(t, w.handle(t, first))
			w.WantTaken(t, group, 0, 1)
		})
	}
}

// Within a run the first message of an order makes its row, also when it is the one that is refused.
func TestTheFirstMessageOfAnOrderMakesItsRow(t *testing.T) {
	w := newFixture(t)
	late := w.placed("A-1-1")
	late.Deadline = w.Instant() - 1
	again := w.otherBody(late, "A-1-1")
	errs := w.runOf(t, late, again, w.otherBody(late, "A-1-2"), w.placed("A-1-2"))
	world.WantOutcome(t, errs[0], retry.ClassRefused, "deadline_passed")
	for _, err := range errs[1:] {
		world.WantDone(t, err)
	}
	w.WantRow(t, late.OrderID, contracts.Rejected, 1)
	w.WantReason(t, late.OrderID, contracts.ReasonDeadlinePassed)
	w.WantTaken(t, group, 1)
}

// Two bodies for any adjacent seats under one key are each sent on to the group that the other began in, where the other's record
// is. Neither can hold anything, and their order must have a row all the same.
func TestTwoBodiesThatAreSentPastEachOther(t *testing.T) {
	w := newFixture(t)
	pair, three := w.best("B", 2, "A"), w.best("A", 3, "B")
	three.OrderID = pair.OrderID
	for _, m := range []message.PlaceOrder{pair, three} {
		from := groupOf(m.Visited[0])
		if err := w.Loader().Ensure(t.Context(), v1(from)); err != nil {
			t.Fatal(err)
		}
		a, err := w.Holds.Forward(t.Context(), v1(from), m.OrderID, m.RequestHash, holds.Forwarding{Group: m.Group, Hop: 1})
		if err != nil || a.Outcome != holds.Forwarded {
			t.Fatalf("forwarding is %s, %v", a.Outcome, err)
		}
	}
	for _, m := range []message.PlaceOrder{pair, three, pair, three} {
		if o := retry.Classify(w.handle(t, m)); o.Class == retry.ClassRetryable || o.Class == retry.ClassPoison {
			t.Fatalf("the outcome is %s %s: %v", o.Class, o.Reason, o.Err)
		}
	}
	w.WantRow(t, pair.OrderID, contracts.Rejected, 1)
	w.WantReason(t, pair.OrderID, contracts.ReasonNoAdjacent)
	for _, name := range groupNames {
		if held := w.heldIn(name, pair.OrderID); len(held) > 0 {
			t.Errorf("it holds %v of %s", held, name)
		}
	}
}
