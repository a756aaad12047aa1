package order_test

import (
	"errors"
	"testing"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

var group = contracts.SeatGroup{ConcertID: "nocturne", Group: "A"}

func TestExpireInEveryStatus(t *testing.T) {
	for _, status := range contracts.Statuses() {
		o := ordertest.HeldOrder(ordertest.Placed(group, "A-1-1"))
		o.Status, o.Version = status, 5
		next, err := o.Expire(order.Cause{At: o.ExpiresFrom()})
		var refused *order.TransitionError
		switch {
		case status.CanBecome(contracts.Expired):
			if err != nil || next.Status != contracts.Expired || next.Version != 6 {
				t.Errorf("%s: got %s at %d, %v", status, next.Status, next.Version, err)
			}
		case !errors.As(err, &refused) || refused.From != status || refused.To != contracts.Expired:
			t.Errorf("%s: got %v", status, err)
		case next.Status != status || next.Version != 5:
			t.Errorf("%s: a refused transition changed the order: %+v", status, next)
		}
	}
}

func TestExpireRefusesBeforeTheHoldHasEnded(t *testing.T) {
	o := ordertest.HeldOrder(ordertest.Placed(group, "A-1-1"))
	if _, err := o.Expire(order.Cause{At: o.HoldExpiresAt + 9_999}); !errors.Is(err, order.ErrHoldNotOver) {
		t.Errorf("1 ms early: %v", err)
	}
	if _, err := o.Expire(order.Cause{At: o.HoldExpiresAt + 10_000}); err != nil {
		t.Errorf("at D + 10 s: %v", err)
	}
}

func TestTransitionsDoNotChangeTheOldOrder(t *testing.T) {
	o := ordertest.HeldOrder(ordertest.Placed(group, "A-1-1"))
	// A slice that has grown to three elements has capacity for a fourth, which two transitions of one row must not share.
	for _, grow := range []func(order.Order) (order.Order, error){
		func(o order.Order) (order.Order, error) { return o.AwaitPayment("pi_1", "secret", order.Cause{}) },
		func(o order.Order) (order.Order, error) { return o.Commit("pi_1", order.Cause{}) },
		nil,
	} {
		before := len(o.History)
		end := func(kind message.Kind) order.Order {
			t.Helper()
			next, err := o.Cancel(order.Cause{Kind: kind})
			if o.Status == contracts.Committed {
				next, err = o.Revoke(order.Cause{Kind: kind})
			}
			if err != nil {
				t.Fatal(err)
			}
			return next
		}
		a, b := end("a"), end("b")
		if len(o.History) != before || a.History[before].Cause != "a" || b.History[before].Cause != "b" {
			t.Errorf("histories share memory: %+v %+v %+v", o.History, a.History, b.History)
		}
		if grow == nil {
			break
		}
		next, err := grow(o)
		if err != nil {
			t.Fatal(err)
		}
		o = next
	}
}

func TestOnlyOpenOrdersAreInTheIndex(t *testing.T) {
	m := ordertest.Placed(group, "A-1-1")
	held := ordertest.HeldOrder(m)
	if held.OpenGroup != group.Key() || held.DueAt <= held.HeldAt || held.DueAt >= held.HoldExpiresAt {
		t.Errorf("a held order has openGroup %q, due at %s", held.OpenGroup, held.DueAt)
	}
	rejected := order.NewRejected(m, "1", contracts.ReasonSeatTaken, nil, order.Cause{At: 1})
	expired, err := held.Expire(order.Cause{At: held.ExpiresFrom()})
	if err != nil || rejected.OpenGroup != "" || expired.OpenGroup != "" || expired.DueAt != 0 {
		t.Errorf("ended orders are in the index: %+v %+v %v", rejected, expired, err)
	}
}

func TestPlacedByComparesGroupAndBody(t *testing.T) {
	m := ordertest.Placed(group, "A-1-1", "A-1-2")
	o := ordertest.HeldOrder(m)
	if !o.PlacedBy(m) {
		t.Error("a row is not the result of its own message")
	}
	elsewhere, otherBody := m, m
	elsewhere.Group = "B"
	otherBody.RequestHash = contracts.RequestHash("x", nil)
	if o.PlacedBy(elsewhere) || o.PlacedBy(otherBody) {
		t.Error("another group or another body counts as the same")
	}
}

func TestHeldAsComparesSeatsAndTimes(t *testing.T) {
	o := ordertest.HeldOrder(ordertest.Placed(group, "A-1-1", "A-1-2"))
	hold := func(from, to contracts.Instant, seats ...string) order.Hold {
		return order.Hold{Seats: seats, HeldAt: o.HeldAt + from, ExpiresAt: o.HoldExpiresAt + to}
	}
	if !o.HeldAs(hold(0, 0, "A-1-1", "A-1-2")) || !o.HeldAs(hold(0, 0, "A-1-2", "A-1-1")) {
		t.Error("the row's own hold does not match, or the order of the seats matters")
	}
	for _, other := range []order.Hold{
		hold(0, 0, "A-1-1"), hold(0, 0, "A-1-1", "A-1-3"), hold(0, 0, "A-1-1", "A-1-2", "A-1-3"), hold(0, 0), hold(1, 0, "A-1-1", "A-1-2"), hold(0, 1, "A-1-1", "A-1-2"),
	} {
		if o.HeldAs(other) {
			t.Errorf("%+v matches", other)
		}
	}
}

func TestARowOfAnUnreadMessage(t *testing.T) {
	o := order.NewRejectedUnread(message.Attributes{OrderID: "o", UserID: "u", ConcertID: "c", Group: "A"}, "3", 77, order.Cause{Kind: "PlaceOrder", MessageID: "m", At: 99})
	if o.Status != contracts.Rejected || o.Version != 1 || o.Reason.Code != contracts.ReasonInternal || o.AcceptedAt != 77 || o.History[0].At != 99 {
		t.Errorf("got %+v", o)
	}
}

// Every status that ends an order without tickets sets Counted to 0, and no other status does.
func TestAnOrderThatEndsCountsNothing(t *testing.T) {
	counted := ordertest.HeldBy(group, "ann", 8, "A-1-1", "A-1-2")
	cause := order.Cause{At: counted.ExpiresFrom()}
	sold, err := counted.Commit("pi_1", cause)
	if err != nil {
		t.Fatal(err)
	}
	for name, step := range map[string]struct {
		do   func() (order.Order, error)
		want int
	}{
		"expire":  {func() (order.Order, error) { return counted.Expire(cause) }, 0},
		"cancel":  {func() (order.Order, error) { return counted.Cancel(cause) }, 0},
		"reject":  {func() (order.Order, error) { return counted.Reject(contracts.ReasonSeatLost, nil, cause) }, 0},
		"revoke":  {func() (order.Order, error) { return sold.Revoke(cause) }, 0},
		"await":   {func() (order.Order, error) { return counted.AwaitPayment("pi_1", "secret", cause) }, 2},
		"commit":  {func() (order.Order, error) { return counted.Commit("pi_1", cause) }, 2},
		"confirm": {func() (order.Order, error) { return sold.Confirm(cause) }, 2},
	} {
		if next, err := step.do(); err != nil || next.Counted != step.want {
			t.Errorf("%s: %d seats are counted, want %d (%v)", name, next.Counted, step.want, err)
		}
	}
}
