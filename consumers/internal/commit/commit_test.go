package commit_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/commit"
	"boxoffice/consumers/internal/memory/memorder"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/telemetry"
)

var group = contracts.SeatGroup{ConcertID: "nocturne", Group: "A"}

// world has one order that awaits the payment of two seats.
type world struct {
	now  contracts.Instant
	rows *memorder.Store
	row  order.Order
	sent []message.Encoded
	// fail names a call that fails once: before its effect, or with " reply" after it.
	fail string
	// before is called before the commit's transaction, as another handler would be.
	before func()
	// metrics and log are what the handler tells.
	metrics, log bytes.Buffer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{now: 1_000_500, rows: memorder.New()}
	w.row = w.awaiting(t, "A-1-1", "A-1-2")
	return w
}

// awaiting is an order that awaits the payment of these seats.
func (w *world) awaiting(t *testing.T, seats ...string) order.Order {
	t.Helper()
	o, err := ordertest.HeldOrder(ordertest.Placed(group, seats...)).AwaitPayment("pi_1", "secret", order.Cause{Kind: message.KindOpenPayment, At: w.now})
	if err != nil {
		t.Fatal(err)
	}
	ordertest.Put(t, w.rows, o)
	return o
}

var errDown = errors.New("broken connection")

// failing says whether a call fails now.
func (w *world) failing(call string) error {
	if w.fail != call {
		return nil
	}
	w.fail = ""
	return errDown
}

func (w *world) Read(ctx context.Context, id contracts.OrderID) (order.Order, bool, error) {
	o, found, err := w.rows.Read(ctx, id)
	return o, found, errors.Join(err, w.failing("read"))
}

func (w *world) Update(ctx context.Context, before, after order.Order) error {
	if err := w.failing("update"); err != nil {
		return err
	}
	err := w.rows.Update(ctx, before, after)
	if lost := w.failing("update reply"); lost != nil {
		return lost
	}
	return err
}

func (w *world) Commit(ctx context.Context, before, after order.Order) error {
	if w.before != nil {
		w.before()
		w.before = nil
	}
	if err := w.failing("commit"); err != nil {
		return err
	}
	err := w.rows.Commit(ctx, before, after)
	if lost := w.failing("commit reply"); lost != nil {
		return lost
	}
	return err
}

func (w *world) Send(_ context.Context, messages ...message.Encoded) error {
	if err := w.failing("send"); err != nil {
		return err
	}
	w.sent = append(w.sent, messages...)
	return w.failing("send reply")
}

// dispatcher has no part that speaks to Redis: whatever is written here is written while Redis is down.
func (w *world) dispatcher() commit.Dispatcher {
	now := func() time.Time { return w.now.Time() }
	return commit.Dispatcher{
		Authorized: commit.Authorized{
			Orders: w, Sender: w, Mode: message.ModeTest, Log: slog.New(slog.NewJSONHandler(&w.log, nil)),
			Meter: telemetry.NewMeter(&w.metrics, "commit", now), Now: now,
		},
		Declined: commit.Declined{Orders: w},
	}
}

func (w *world) handle(t *testing.T, m message.Message) retry.Outcome {
	t.Helper()
	e, err := message.Encode(m, "")
	if err != nil {
		t.Fatal(err)
	}
	return retry.Classify(w.dispatcher().Handle(t.Context(), message.Delivery{MessageID: "m-9", Body: e.Body}))
}

// authorized says that the price of the order was put aside.
func authorized(o order.Order) message.PaymentAuthorized {
	return message.PaymentAuthorized{
		OrderID: o.OrderID, ConcertID: o.ConcertID, Group: o.Group, EventID: "evt_1", PaymentIntentID: "pi_1", Amount: *o.Amount, Mode: message.ModeTest,
	}
}

func (w *world) stored(t *testing.T, id contracts.OrderID) order.Order {
	t.Helper()
	o, found, err := w.rows.Read(t.Context(), id)
	if err != nil || !found {
		t.Fatalf("row of %s: %v, %v", id, found, err)
	}
	return o
}

// kinds are those of what was sent, each once, in the order of the first.
func (w *world) kinds() string {
	var kinds []string
	for _, m := range w.sent {
		if kind := string(m.Attributes.Kind); !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return strings.Join(kinds, " ")
}

func (w *world) tickets(t *testing.T) map[string]contracts.OrderID {
	t.Helper()
	tickets, err := w.rows.Tickets(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	return tickets
}

// alarmed says whether an invariant is told to be broken.
func (w *world) alarmed() bool {
	return strings.Contains(w.metrics.String(), telemetry.InvariantsBroken.Name)
}
