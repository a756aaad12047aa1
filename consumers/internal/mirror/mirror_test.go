package mirror_test

import (
	"slices"
	"testing"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/testkit/holdtest"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// Every status of the row, with what Redis knew before: nothing, the order's hold, or its sale.
func TestEveryStatus(t *testing.T) {
	for _, status := range contracts.Statuses()[1:] {
		for _, before := range []string{"nothing", "a hold", "a sale"} {
			if before == "a sale" && (status.Open() || status == contracts.Rejected || status == contracts.Expired || status == contracts.Cancelled) {
				continue // never sold before
			}
			t.Run(string(status)+" after "+before, func(t *testing.T) {
				w := newWorld(t)
				o := w.row(t, status, "A-1", "A-3")
				switch before {
				case "a hold":
					if _, err := holdtest.Hold(t.Context(), w.store, v1(group), holds.Ask{Order: o.OrderID, Hash: o.RequestHash, Places: []int{0, 2}}); err != nil {
						t.Fatal(err)
					}
				case "a sale":
					if _, err := w.store.Sell(t.Context(), v1(group), o.OrderID, []int{0, 2}, 1); err != nil {
						t.Fatal(err)
					}
				}
				want := ". . . . . . "
				switch {
				case status.Open():
					want = "h0 . h0 . . . "
				case status.Paid():
					want = "s0 . s0 . . . "
				}
				for range 2 {
					w.mirror(t, o.OrderID)
					if got := w.shown(o.OrderID); got != want {
						t.Fatalf("Redis shows %q, want %q", got, want)
					}
				}
				if v := w.store.Inspect(group).Records[o.OrderID].Version; v != 2 {
					t.Errorf("the record has version %d", v)
				}
			})
		}
	}
}

func TestASaleDisplacesHoldsAndTellsThem(t *testing.T) {
	w := newWorld(t)
	loser := w.row(t, contracts.Held, "A-1")
	w.mirror(t, loser.OrderID)
	winner := w.row(t, contracts.Committed, "A-1", "A-2")
	w.fail["send"] = true
	if done, err := w.handle(t, winner.OrderID); done != 0 || err == nil {
		t.Fatalf("%d done, %v", done, err)
	}
	w.mirror(t, winner.OrderID)
	if got := w.shown(winner.OrderID, loser.OrderID); got != "s0 s0 . . . . " {
		t.Errorf("Redis shows %q", got)
	}
	// A sale that was made before its send failed displaces nobody again: reconcile finds what is left.
	if len(w.sent) != 0 {
		t.Errorf("sent %v", w.sent)
	}
	other := w.row(t, contracts.Held, "A-5")
	w.mirror(t, other.OrderID)
	second := w.row(t, contracts.Confirmed, "A-5")
	w.mirror(t, second.OrderID)
	if len(w.sent) != 1 || w.sent[0].Attributes.Kind != message.KindSettleOrder || w.sent[0].Attributes.OrderID != other.OrderID || w.sent[0].Group != group.Key() {
		t.Errorf("sent %+v", w.sent)
	}
}

// A Query sees a transaction half done, and a ticket that it does not show is not withdrawn: the row alone says what a paid
// order owns. So no ticket is there, and none is read.
func TestAPaidRowIsSoldWhateverTicketsShow(t *testing.T) {
	for _, status := range []contracts.Status{contracts.Committed, contracts.Confirmed} {
		w := newWorld(t)
		o := w.row(t, status, "A-1", "A-3")
		w.rows.RemoveTicket(group, "A-1")
		w.rows.RemoveTicket(group, "A-3")
		w.mirror(t, o.OrderID)
		if got := w.shown(o.OrderID); got != "s0 . s0 . . . " || slices.Contains(w.calls, "ticket") || w.broken() {
			t.Errorf("%s: Redis shows %q after %v", status, got, w.calls)
		}
	}
}

// The first record that cannot be read comes again with all later ones, and an order is mirrored once a batch.
func TestTheFirstFailureComesAgain(t *testing.T) {
	w := newWorld(t)
	a, b := w.row(t, contracts.Held, "A-1"), w.row(t, contracts.Held, "A-2")
	w.fail["read"] = true
	done, err := w.handle(t, a.OrderID, a.OrderID, b.OrderID, ordertest.NewID())
	if err == nil || done != 0 && done != 2 && done != 3 {
		t.Errorf("%d done, %v", done, err)
	}
	w.calls = nil
	w.mirror(t, a.OrderID, a.OrderID, b.OrderID, ordertest.NewID())
	if got := w.shown(a.OrderID, b.OrderID); got != "h0 h1 . . . . " || len(w.sent) > 0 {
		t.Errorf("Redis shows %q, sent %v", got, w.sent)
	}
	if n := len(w.calls); n != 3+2*2 {
		t.Errorf("%d calls, want three reads and a layout and a script for each of two: %v", n, w.calls)
	}
}

// What no attempt can cure must not stop the shard.
func TestARowThatDoesNotFitIsPassedOver(t *testing.T) {
	w := newWorld(t)
	bad, good := w.row(t, contracts.Held, "Z-9"), w.row(t, contracts.Held, "A-2")
	w.mirror(t, bad.OrderID, good.OrderID)
	if got := w.shown(bad.OrderID, good.OrderID); got != ". h1 . . . . " {
		t.Errorf("Redis shows %q", got)
	}
}
