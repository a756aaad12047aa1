package mirror_test

import (
	"testing"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/holdtest"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// A row of another layout version than the one that is sold is a fault: it is an alarm and poison, and Redis is not touched.
// The stream leaves it to its queue, where that is found, and goes on.
func TestARowOfAnotherLayoutVersionIsAnAlarm(t *testing.T) {
	for _, status := range []contracts.Status{contracts.Held, contracts.Committed, contracts.Refunded, contracts.Expired} {
		t.Run(string(status), func(t *testing.T) {
			w := newWorld(t)
			placed := ordertest.Placed(group, "A-1")
			placed.LayoutVersion = 2
			o := ordertest.HeldOrder(placed)
			o.Status, o.Version = status, 2
			ordertest.Put(t, w.rows, o)
			sound := w.row(t, contracts.Held, "A-2")
			before := w.store.Inspect(group).Revision
			w.mirror(t, o.OrderID, sound.OrderID)
			if len(w.sent) != 1 || w.sent[0].Attributes.Kind != message.KindMirrorOrder || w.sent[0].Attributes.OrderID != o.OrderID || w.broken() {
				t.Fatalf("sent %+v, alarm %v; want one MirrorOrder", w.sent, w.broken())
			}
			if outcome := w.handleMessage(t, w.sent[0]); outcome.Class != retry.ClassPoison || outcome.Reason != "layout_version" || !w.broken() {
				t.Errorf("outcome %s %q, alarm %v; want poison and an alarm", outcome.Class, outcome.Reason, w.broken())
			}
			if got := w.shown(o.OrderID, sound.OrderID); got != ". h1 . . . . " || w.store.Inspect(group).Revision.Epoch != before.Epoch {
				t.Errorf("Redis shows %q at %v", got, w.store.Inspect(group).Revision)
			}
		})
	}
}

// An order that was never offered a place has a row without a layout version, or of one that is not sold. Its end is applied
// like any other's: an earlier try may hold something for it, and there is nothing to be alarmed about.
func TestTheEndOfAnOrderThatHeldNothingIsReleased(t *testing.T) {
	for name, row := range map[string]func(m message.PlaceOrder) order.Order{
		"its message could not be read": func(m message.PlaceOrder) order.Order {
			return order.NewRejectedUnread(message.Attributes{OrderID: m.OrderID, ConcertID: m.ConcertID, Group: m.Group}, "1", 1, order.Cause{Kind: message.KindPlaceOrder})
		},
		"it was of another layout": func(m message.PlaceOrder) order.Order {
			m.LayoutVersion = 2
			return order.NewRejected(m, "1", contracts.ReasonLayoutChanged, nil, order.Cause{Kind: message.KindPlaceOrder})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := ordertest.Placed(group, "A-1")
			if a, err := holdtest.Hold(t.Context(), w.store, v1(group), holds.Ask{Order: m.OrderID, Hash: m.RequestHash, Places: []int{0}}); err != nil || a.Outcome != holds.Held {
				t.Fatal(a, err)
			}
			ordertest.Put(t, w.rows, row(m))
			w.mirror(t, m.OrderID)
			if got := w.shown(m.OrderID); got != ". . . . . . " || len(w.sent) != 0 || w.broken() {
				t.Errorf("Redis shows %q, sent %d messages, alarm %v; want the seat free", got, len(w.sent), w.broken())
			}
		})
	}
}
