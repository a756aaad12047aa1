package reserve_test

import (
	"slices"
	"testing"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// otherBody is the same order asking for other seats, as after a second POST under one key.
func (w *world) otherBody(m message.PlaceOrder, seats ...string) message.PlaceOrder {
	other := w.placed(seats...)
	other.OrderID, other.UserID = m.OrderID, m.UserID
	return other
}

// A second body that is refused before it asks for seats must not free what the first one holds.
func TestASecondBodyThatIsLateLeavesTheHold(t *testing.T) {
	for name, spoil := range map[string]func(w *world, m *message.PlaceOrder){
		"past its deadline": func(w *world, m *message.PlaceOrder) { m.Deadline = w.now - 1 },
		"another layout":    func(_ *world, m *message.PlaceOrder) { m.LayoutVersion = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			first := w.placed("A-1-1", "A-1-2")
			want(t, w.handle(t, first), retry.ClassDone, "")
			second := w.otherBody(first, "A-1-3")
			spoil(w, &second)
			want(t, w.handle(t, second), retry.ClassRefused, "other_body")
			if row := w.row(t, first.OrderID); row.Status != contracts.Held || !slices.Equal(w.taken(), []int{0, 1}) {
				t.Errorf("row %s, places %v", row.Status, w.taken())
			}
			// The first one again, as late, is still the row's own message.
			spoil(w, &first)
			want(t, w.handle(t, first), retry.ClassDone, "")
			if !slices.Equal(w.taken(), []int{0, 1}) {
				t.Errorf("places %v", w.taken())
			}
		})
	}
}

// Within a run the first message of an order makes its row, also when it is the one that is refused.
func TestTheFirstMessageOfAnOrderMakesItsRow(t *testing.T) {
	w := newWorld(t)
	late := w.placed("A-1-1")
	late.Deadline = w.now - 1
	again := w.otherBody(late, "A-1-1")
	outcomes := w.runOf(t, late, again, w.otherBody(late, "A-1-2"), w.placed("A-1-2"))
	for i, class := range []retry.Class{retry.ClassRefused, retry.ClassDone, retry.ClassDone, retry.ClassDone} {
		if outcomes[i].Class != class {
			t.Errorf("outcome %d is %+v", i, outcomes[i])
		}
	}
	row := w.row(t, late.OrderID)
	if row.Status != contracts.Rejected || row.Reason.Code != contracts.ReasonDeadlinePassed || !slices.Equal(w.taken(), []int{1}) {
		t.Errorf("row %s %+v, places %v", row.Status, row.Reason, w.taken())
	}
}

// Two bodies for any adjacent seats under one key, each sent on to the group that the other began in, meet each other's note
// there. Neither would hold anything, and their order must have a row all the same.
func TestTwoBodiesThatAreSentPastEachOther(t *testing.T) {
	w := newWorld(t)
	pair, three := w.best("B", 2, "A"), w.best("A", 3, "B")
	three.OrderID = pair.OrderID
	for _, m := range []message.PlaceOrder{pair, three} {
		from := groupOf(m.Visited[0])
		if err := w.loader().Ensure(t.Context(), v1(from)); err != nil {
			t.Fatal(err)
		}
		if a, err := w.holds.Forward(t.Context(), v1(from), m.OrderID, m.RequestHash, holds.Forwarding{Group: m.Group, Hop: 1}); err != nil || a.Outcome != holds.Forwarded {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	for _, m := range []message.PlaceOrder{pair, three, pair, three} {
		if o := w.handle(t, m); o.Class == retry.ClassRetryable || o.Class == retry.ClassPoison {
			t.Fatalf("%+v", o)
		}
	}
	if row := w.row(t, pair.OrderID); row.Status != contracts.Rejected || row.Reason.Code != contracts.ReasonNoAdjacent {
		t.Errorf("row %+v", row)
	}
	for _, name := range groupNames {
		if held := w.heldIn(name, pair.OrderID); len(held) > 0 {
			t.Errorf("it holds %v of %s", held, name)
		}
	}
}
