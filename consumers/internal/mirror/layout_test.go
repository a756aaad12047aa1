package mirror_test

import (
	"testing"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/holdtest"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// A row of another layout version than the one that is sold is a fault: it is an alarm and poison, and Redis is not touched.
// The stream sends it to the group's queue, whose handler finds the fault, and goes on.
func TestARowOfAnotherLayoutVersionIsAnAlarm(t *testing.T) {
	for _, status := range []contracts.Status{contracts.Held, contracts.Committed, contracts.Refunded, contracts.Expired} {
		t.Run(string(status), func(t *testing.T) {
			w := newFixture(t)
			placed := ordertest.Placed(group, "A-1")
			placed.LayoutVersion = 2
			o := ordertest.HeldOrder(placed)
			o.Status, o.Version = status, 2
			ordertest.Put(t, w.Rows, o)
			sound := w.put(t, contracts.Held, "A-2")
			before := w.Holds.Inspect(group).Revision
			w.mirror(t, o.OrderID, sound.OrderID)
			w.WantSent(t, message.KindMirrorOrder)
			if m := world.SentMessage[message.MirrorOrder](t, w.World, 0); m.OrderID != o.OrderID {
				t.Errorf("the MirrorOrder is of %s, want %s", m.OrderID, o.OrderID)
			}
			w.WantAlarm(t, false)
			world.WantOutcome(t, w.handleMessage(t, w.Sent()[0]), retry.ClassPoison, "layout_version")
			w.WantAlarm(t, true)
			w.WantPlaces(t, group, free, held(sound))
			if epoch := w.Holds.Inspect(group).Revision.Epoch; epoch != before.Epoch {
				t.Errorf("the group was loaded again: epoch %d, want %d", epoch, before.Epoch)
			}
		})
	}
}

// An order that was never offered a place has a row without a layout version, or of one that is not sold. Its end is applied
// like any other's, since an earlier try may hold something for it, and is no alarm.
func TestTheEndOfAnOrderThatHeldNothingIsReleased(t *testing.T) {
	for name, row := range map[string]func(m message.PlaceOrder) order.Order{
		"its message could not be read": func(m message.PlaceOrder) order.Order {
			a := message.Attributes{OrderID: m.OrderID, ConcertID: m.ConcertID, Group: m.Group}
			return order.NewRejectedUnread(a, "1", 1, order.Cause{Kind: message.KindPlaceOrder})
		},
		"it was of another layout": func(m message.PlaceOrder) order.Order {
			m.LayoutVersion = 2
			return order.NewRejected(m, "1", contracts.ReasonLayoutChanged, nil, order.Cause{Kind: message.KindPlaceOrder})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			m := ordertest.Placed(group, "A-1")
			ask := holds.Ask{Order: m.OrderID, Hash: m.RequestHash, Places: []int{0}}
			if a, err := holdtest.Hold(t.Context(), w.Holds, v1(group), ask); err != nil || a.Outcome != holds.Held {
				t.Fatal(a, err)
			}
			ordertest.Put(t, w.Rows, row(m))
			w.mirror(t, m.OrderID)
			w.WantPlaces(t, group)
			w.WantSent(t)
			w.WantAlarm(t, false)
		})
	}
}
