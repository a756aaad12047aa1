package mirror_test

import (
	"testing"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/testkit/holdtest"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// Every status of the row, with what Redis knew before: nothing, the order's hold, or its sale.
func TestEveryStatus(t *testing.T) {
	for _, status := range contracts.Statuses()[1:] {
		for _, before := range []string{"nothing", "a hold", "a sale"} {
			if before == "a sale" && (status.Open() || status.EndedUnpaid()) {
				continue // it was never sold
			}
			t.Run(string(status)+" after "+before, func(t *testing.T) {
				w := newFixture(t)
				o := w.put(t, status, "A-1", "A-3")
				switch before {
				case "a hold":
					ask := holds.Ask{Order: o.OrderID, Hash: o.RequestHash, Places: []int{0, 2}}
					if _, err := holdtest.Hold(t.Context(), w.Holds, v1(group), ask); err != nil {
						t.Fatal(err)
					}
				case "a sale":
					w.sell(t, o.OrderID, 1, 0, 2)
				}
				for range 2 {
					w.mirror(t, o.OrderID)
					w.WantPlaces(t, group, shownFor(o)...)
				}
				w.recorded(t, o.OrderID, 2)
			})
		}
	}
}

func TestASaleDisplacesHoldsAndSettlesThem(t *testing.T) {
	w := newFixture(t)
	loser := w.put(t, contracts.Held, "A-1")
	w.mirror(t, loser.OrderID)
	winner := w.put(t, contracts.Committed, "A-1", "A-2")
	w.Inject(world.Fails(world.Send))
	if done, err := w.handle(t, winner.OrderID); done != 0 || err == nil {
		t.Fatalf("%d done, %v", done, err)
	}
	w.mirror(t, winner.OrderID)
	w.WantPlaces(t, group, sold(winner), sold(winner))
	// A sale that was made before its send failed displaces no order again: reconcile finds what is left.
	w.WantSent(t)
	other := w.put(t, contracts.Held, "A-5")
	w.mirror(t, other.OrderID)
	second := w.put(t, contracts.Confirmed, "A-5")
	w.mirror(t, second.OrderID)
	w.WantSent(t, message.KindSettleOrder)
	if m := w.Sent()[0]; m.Attributes.OrderID != other.OrderID || m.Group != group.Key() {
		t.Errorf("SettleOrder of %s in group %s, want %s in %s", m.Attributes.OrderID, m.Group, other.OrderID, group.Key())
	}
}

// A Query may see a transaction half done, and a ticket that it does not show is not withdrawn: the row alone says what a paid
// order owns. So here no ticket is there, and none is read.
func TestAPaidRowIsSoldWhateverTicketsShow(t *testing.T) {
	for _, status := range []contracts.Status{contracts.Committed, contracts.Confirmed} {
		w := newFixture(t)
		o := w.put(t, status, "A-1", "A-3")
		w.Rows.RemoveTicket(group, "A-1")
		w.Rows.RemoveTicket(group, "A-3")
		w.mirror(t, o.OrderID)
		w.WantPlaces(t, group, shownFor(o)...)
		w.WantAlarm(t, false)
		if n := w.Count(world.Ticket); n != 0 {
			t.Errorf("%s: %d tickets were read", status, n)
		}
	}
}

// The first record that cannot be read is redelivered with all later ones, and an order is mirrored once a batch.
func TestTheFirstFailureIsRedelivered(t *testing.T) {
	w := newFixture(t)
	a, b := w.put(t, contracts.Held, "A-1"), w.put(t, contracts.Held, "A-2")
	w.Inject(world.Fails(world.Read))
	done, err := w.handle(t, a.OrderID, a.OrderID, b.OrderID, ordertest.NewID())
	if err == nil || done != 0 && done != 2 && done != 3 {
		t.Errorf("%d done, %v", done, err)
	}
	w.ForgetCalls()
	w.mirror(t, a.OrderID, a.OrderID, b.OrderID, ordertest.NewID())
	w.WantPlaces(t, group, held(a), held(b))
	w.WantSent(t)
	if w.Count(world.Read) != 3 || w.Count(world.LayoutGroup) != 2 || w.Count(world.Keep) != 2 || len(w.Calls()) != 3+2*2 {
		t.Errorf("the calls are %v; want three reads, and a layout and a script for each of two orders", w.Calls())
	}
}

// What no attempt can cure must not stop the shard.
func TestARowThatDoesNotFitItsLayoutIsSkipped(t *testing.T) {
	w := newFixture(t)
	bad, good := w.put(t, contracts.Held, "Z-9"), w.put(t, contracts.Held, "A-2")
	w.mirror(t, bad.OrderID, good.OrderID)
	w.WantPlaces(t, group, free, held(good))
}
