package expire_test

import (
	"context"
	"testing"
	"time"

	"boxoffice/consumers/internal/expire"
	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/seats"
	"boxoffice/consumers/internal/testkit/holdtest"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
)

var group = contracts.SeatGroup{ConcertID: "nocturne", Group: "A"}

// fixture is a World with one order that holds place 0 and expires now.
type fixture struct {
	*world.World
	held order.Order
}

func newFixture(t *testing.T) fixture {
	t.Helper()
	w := world.New(1_000_500)
	in := seatstate.In(group, 1)
	if err := w.Loader().Ensure(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	m := ordertest.Placed(group, "A-1-1")
	ask := holds.Ask{Order: m.OrderID, Hash: m.RequestHash, Places: []int{0}}
	if _, err := holdtest.Hold(t.Context(), w.Holds, in, ask); err != nil {
		t.Fatal(err)
	}
	held := ordertest.HeldOrder(m)
	ordertest.Put(t, w.Rows, held)
	w.SetTime(held.HoldExpiresAt.Add(seatstate.ExpireAfter))
	return fixture{w, held}
}

func (w fixture) expire() expire.Expire {
	return expire.Expire{Orders: w.Orders(), Ending: seats.Ending{Seats: w.Groups(), Sender: w.Sender()}, Now: w.Now}
}

// handle handles the ExpireHold of an order.
func (w fixture) handle(t *testing.T, id contracts.OrderID) error {
	t.Helper()
	e, err := message.Encode(message.ExpireHold{OrderID: id, ConcertID: group.ConcertID, Group: group.Group, RowVersion: 1}, "")
	if err != nil {
		t.Fatal(err)
	}
	return w.expire().Handle(t.Context(), message.Delivery{MessageID: "m-9", Body: e.Body})
}

// becomes writes the next version of the held order's row, as another handler does.
func (w fixture) becomes(t *testing.T, after order.Order) {
	t.Helper()
	if err := w.Rows.Update(t.Context(), w.held, after); err != nil {
		t.Fatal(err)
	}
}

// awaitsPayment makes the order await its payment.
func (w fixture) awaitsPayment(t *testing.T) {
	t.Helper()
	awaiting, err := w.held.AwaitPayment("pi_1", "secret", order.Cause{Kind: message.KindOpenPayment, At: w.held.HeldAt})
	if err != nil {
		t.Fatal(err)
	}
	w.becomes(t, awaiting)
}

func TestAnExpiredHoldEndsItsOrder(t *testing.T) {
	w := newFixture(t)
	world.WantDone(t, w.handle(t, w.held.OrderID))
	w.WantPlaces(t, group)
	row := w.WantRow(t, w.held.OrderID, contracts.Expired, 2)
	if row.OpenGroup != "" || row.DueAt != 0 {
		t.Errorf("an expired row is still in the index, in %q, due at %d", row.OpenGroup, row.DueAt)
	}
	if last := row.History[1]; last.At != w.Instant() || last.Cause != "ExpireHold" || last.MessageID != "m-9" {
		t.Errorf("history ends at %d, caused by %s %s", last.At, last.Cause, last.MessageID)
	}
}

func TestAnEarlyMessageIsRedeliveredWhenItIsDue(t *testing.T) {
	w := newFixture(t)
	w.Advance(-4 * time.Second)
	if o := world.WantRetryable(t, w.handle(t, w.held.OrderID)); o.After != 5*time.Second {
		t.Errorf("it is redelivered after %s, want 5s", o.After)
	}
	w.WantRow(t, w.held.OrderID, contracts.Held, 1)
	w.WantPlaces(t, group, world.HeldBy(w.held.OrderID))
}

func TestAFailureOfAnyCallEndsTheSame(t *testing.T) {
	for _, fault := range []world.Fault{
		world.Fails(world.Read), world.Fails(world.Update), world.LosesAnswer(world.Update), world.CrashesAfter(world.Update),
		world.Crashes(world.Release), world.CrashesAfter(world.Release), world.Fails(world.Send), world.LosesAnswer(world.Send),
	} {
		t.Run(fault.String(), func(t *testing.T) {
			w := newFixture(t)
			w.awaitsPayment(t)
			w.Inject(fault)
			world.WantRetryable(t, w.handle(t, w.held.OrderID))
			w.Restart()
			for range 2 {
				world.WantDone(t, w.handle(t, w.held.OrderID))
			}
			w.WantRow(t, w.held.OrderID, contracts.Expired, 3)
			w.WantPlaces(t, group)
			if len(w.Sent()) == 0 {
				t.Error("nothing was voided")
			}
		})
	}
}

// The buyer's money does not wait for Redis: while the seats cannot be given back, the order ends and its authorisation is
// voided all the same. Mirror gives the seats back.
func TestTheVoidDoesNotWaitForRedis(t *testing.T) {
	for name, down := range map[string]error{
		"no answer": world.ErrDown, "the breaker is open": &retry.BreakerOpenError{Name: "redis", After: time.Second},
		"not loaded, and cannot be": holds.ErrNotLoaded,
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			w.awaitsPayment(t)
			w.Inject(world.Fails(world.Release).With(down))
			world.WantDone(t, w.handle(t, w.held.OrderID))
			w.WantRow(t, w.held.OrderID, contracts.Expired, 3)
			w.WantPlaces(t, group, world.HeldBy(w.held.OrderID))
			world.WantDone(t, w.handle(t, w.held.OrderID)) // redelivered after the outage
			w.WantRow(t, w.held.OrderID, contracts.Expired, 3)
			w.WantPlaces(t, group)
			w.WantSent(t, message.KindVoidPayment, message.KindVoidPayment)
		})
	}
	t.Run("an error that no attempt cures", func(t *testing.T) {
		w := newFixture(t)
		w.awaitsPayment(t)
		w.Inject(world.Fails(world.Release).With(&retry.PoisonError{Reason: "invalid_hold"}))
		world.WantOutcome(t, w.handle(t, w.held.OrderID), retry.ClassPoison, "invalid_hold")
		w.WantSent(t, message.KindVoidPayment)
	})
}

func TestEveryStatusOfTheRow(t *testing.T) {
	for status, frees := range map[contracts.Status]bool{
		contracts.AwaitingPayment: true, contracts.Rejected: true, contracts.Cancelled: true, contracts.Expired: true,
		contracts.Committed: false, contracts.Confirmed: false, contracts.Revoked: false, contracts.Refunded: false,
	} {
		t.Run(string(status), func(t *testing.T) {
			w := newFixture(t)
			other := w.held
			other.Status, other.Version = status, 3
			w.becomes(t, other)
			world.WantDone(t, w.handle(t, w.held.OrderID))
			if status.Open() {
				w.WantRow(t, w.held.OrderID, contracts.Expired, 4)
			} else {
				w.WantRow(t, w.held.OrderID, status, 3)
			}
			if frees {
				w.WantTaken(t, group)
			} else {
				w.WantTaken(t, group, 0)
			}
		})
	}
}

// The row is paid between the read and the write: the handler reads again and leaves it alone.
func TestARowThatIsPaidMeanwhileIsNotExpired(t *testing.T) {
	w := newFixture(t)
	paid := w.held
	paid.Status, paid.Version = contracts.Committed, 2
	w.Meanwhile(world.Update, func() { w.becomes(t, paid) })
	world.WantDone(t, w.handle(t, w.held.OrderID))
	w.WantRow(t, w.held.OrderID, contracts.Committed, 2)
	w.WantPlaces(t, group, world.HeldBy(w.held.OrderID))
}

// The row changes between the read and the write and stays open, as by a note of a refused card. A refused condition is never
// "done": the order has to end all the same.
func TestARowThatChangesAndStaysOpen(t *testing.T) {
	w := newFixture(t)
	w.Meanwhile(world.Update, func() { w.becomes(t, w.held.NextAttempt(order.StepOpen)) })
	world.WantDone(t, w.handle(t, w.held.OrderID))
	w.WantRow(t, w.held.OrderID, contracts.Expired, 3)
	w.WantPlaces(t, group)
}

func TestAnOrderWithoutARowIsRefused(t *testing.T) {
	w := newFixture(t)
	world.WantOutcome(t, w.handle(t, ordertest.NewID()), retry.ClassRefused, "no_row")
}

func TestOtherMessagesArePoison(t *testing.T) {
	w := newFixture(t)
	rebuild, err := message.Encode(message.RebuildGroup{ConcertID: "c", Group: "A", CommandID: "1"}, "")
	if err != nil {
		t.Fatal(err)
	}
	for body, reason := range map[string]string{rebuild.Body: "misrouted", "no JSON": retry.ReasonMalformed} {
		world.WantOutcome(t, w.expire().Handle(t.Context(), message.Delivery{Body: body}), retry.ClassPoison, reason)
	}
}

// wrongLayout is a seats.Ensurer that loads no group in the layout version that is asked for, since another one is sold.
type wrongLayout struct{}

func (wrongLayout) Ensure(context.Context, seatstate.GroupVersion) error {
	return &retry.PoisonError{Reason: "layout_version"}
}

// A row of another layout version is a fault, and Redis is not touched for it. The order ends all the same, and the buyer's
// authorisation is voided before the message is poison.
func TestARowOfAnotherLayoutVersionEndsAndIsPoison(t *testing.T) {
	w := newFixture(t)
	placed := ordertest.Placed(group, "A-1-2")
	placed.LayoutVersion = 2
	cause := order.Cause{Kind: message.KindOpenPayment, At: w.Instant()}
	awaiting, err := ordertest.HeldOrder(placed).AwaitPayment("pi_1", "secret", cause)
	if err != nil {
		t.Fatal(err)
	}
	ordertest.Put(t, w.Rows, awaiting)
	h := w.expire()
	h.Ending.Seats = seats.NewStore(w.Groups(), wrongLayout{})
	m := message.ExpireHold{OrderID: placed.OrderID, ConcertID: group.ConcertID, Group: group.Group, RowVersion: 1}
	world.WantOutcome(t, h.HandleMessage(t.Context(), message.Delivery{MessageID: "m-9"}, m), retry.ClassPoison, "layout_version")
	w.WantRow(t, placed.OrderID, contracts.Expired, 3)
	w.WantSent(t, message.KindVoidPayment)
	if _, known := w.Holds.Inspect(group).Records[placed.OrderID]; known {
		t.Error("the group of another layout version has a record of the order")
	}
}
