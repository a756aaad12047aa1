package commit_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/commit"
	"boxoffice/consumers/internal/ended"
	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/holds/holdtest"
	"boxoffice/consumers/internal/memhold"
	"boxoffice/consumers/internal/memorder"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/ordertest"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/sale"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

var group = contracts.SeatGroup{ConcertID: "nocturne", Group: "A"}

// world has one order that awaits the payment of two seats, and holds them.
type world struct {
	now   contracts.Instant
	rows  *memorder.Store
	holds *memhold.Store
	row   order.Order
	sent  []message.Encoded
	// fail names a call that fails once: before its effect, or with " reply" after it.
	fail string
	// before is called before the commit's transaction, as another handler would be.
	before func()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{now: 1_000_500, rows: memorder.New()}
	w.holds = memhold.New(func() contracts.Instant { return w.now }, memhold.Options{HoldFor: 5 * time.Minute})
	if _, err := w.holds.Lock(t.Context(), group, 1, time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := w.holds.Load(t.Context(), group, holds.Load{Token: 1, Places: 6}); err != nil {
		t.Fatal(err)
	}
	w.row = w.awaiting(t, "A-1-1", "A-1-2")
	return w
}

// awaiting is an order that holds these seats, named by place from 1, and awaits their payment.
func (w *world) awaiting(t *testing.T, seats ...string) order.Order {
	t.Helper()
	m := ordertest.Placed(group, seats...)
	var places []int
	for _, seat := range seats {
		places = append(places, slices.Index(layout.Seats, seat))
	}
	if _, err := holdtest.Hold(t.Context(), w.holds, group, holds.Ask{Order: m.OrderID, Hash: m.RequestHash, Places: places}); err != nil {
		t.Fatal(err)
	}
	o, err := ordertest.HeldOrder(m).AwaitPayment("pi_1", "secret", order.Cause{Kind: message.KindOpenPayment, At: w.now})
	if err != nil {
		t.Fatal(err)
	}
	ordertest.Put(t, w.rows, o)
	return o
}

var layout = readmodel.LayoutGroup{Group: "A", Seats: []string{"A-1-1", "A-1-2", "A-1-3", "A-1-4", "A-1-5", "A-1-6"}}

var errDown = errors.New("broken connection")

// failing says whether a call fails now.
func (w *world) failing(call string) error {
	if w.fail != call {
		return nil
	}
	w.fail = ""
	return errDown
}

func (w *world) LayoutGroup(context.Context, string, int, string) (readmodel.LayoutGroup, error) {
	return layout, w.failing("layout")
}

func (w *world) Read(ctx context.Context, id contracts.OrderID) (order.Order, bool, error) {
	o, found, err := w.rows.Read(ctx, id)
	return o, found, errors.Join(err, w.failing("read"))
}

func (w *world) Tickets(ctx context.Context, g contracts.SeatGroup) (map[string]contracts.OrderID, error) {
	return w.rows.Tickets(ctx, g)
}

func (w *world) Update(ctx context.Context, before, after order.Order) (bool, error) {
	if err := w.failing("update"); err != nil {
		return false, err
	}
	done, err := w.rows.Update(ctx, before, after)
	return done, errors.Join(err, w.failing("update reply"))
}

func (w *world) Commit(ctx context.Context, before, after order.Order) (order.CommitResult, error) {
	if w.before != nil {
		w.before()
		w.before = nil
	}
	if err := w.failing("commit"); err != nil {
		return order.CommitResult{}, err
	}
	r, err := w.rows.Commit(ctx, before, after)
	return r, errors.Join(err, w.failing("commit reply"))
}

func (w *world) Sell(ctx context.Context, g contracts.SeatGroup, id contracts.OrderID, places []int, version int) (holds.Sale, error) {
	if err := w.failing("sell"); err != nil {
		return holds.Sale{}, err
	}
	s, err := w.holds.Sell(ctx, g, id, places, version)
	return s, errors.Join(err, w.failing("sell reply"))
}

func (w *world) Restore(ctx context.Context, g contracts.SeatGroup, id contracts.OrderID, places []int, version int) (holds.Release, error) {
	return w.holds.Restore(ctx, g, id, places, version)
}

func (w *world) Release(ctx context.Context, g contracts.SeatGroup, id contracts.OrderID, version int) (holds.Release, error) {
	if err := w.failing("release"); err != nil {
		return holds.Release{}, err
	}
	r, err := w.holds.Release(ctx, g, id, version)
	return r, errors.Join(err, w.failing("release reply"))
}

func (w *world) Send(_ context.Context, messages ...message.Encoded) error {
	if err := w.failing("send"); err != nil {
		return err
	}
	w.sent = append(w.sent, messages...)
	return w.failing("send reply")
}

type noLoader struct{}

func (noLoader) Ensure(context.Context, contracts.SeatGroup) error { return errors.New("not loaded") }

func (w *world) dispatcher() commit.Dispatcher {
	return commit.Dispatcher{
		Authorized: commit.Authorized{
			Orders: w, Seller: sale.Seller{Rows: w, Holds: w, Loader: noLoader{}, Sender: w}, Ending: ended.Ending{Holds: w, Loader: noLoader{}, Sender: w},
			Catalogue: w, Sender: w, Mode: message.ModeTest, Now: func() time.Time { return w.now.Time() },
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
	return w.dispatcher().Handle(t.Context(), message.Delivery{MessageID: "m-9", Body: e.Body})
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

// places are the places in a state.
func (w *world) places(s seatstate.State) (places []int) {
	state := w.holds.Inspect(group)
	for p := range layout.Seats {
		if state.Entries[p].State == s {
			places = append(places, p)
		}
	}
	return places
}

func (w *world) tickets(t *testing.T) map[string]contracts.OrderID {
	t.Helper()
	tickets, err := w.rows.Tickets(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	return tickets
}

func (w *world) load(t *testing.T, token int64) {
	t.Helper()
	w.loadSold(t, token, nil)
}

func (w *world) loadSold(t *testing.T, token int64, sold map[int]contracts.OrderID) {
	t.Helper()
	if err := w.holds.Load(t.Context(), group, holds.Load{Token: token, Places: 6, Sold: sold}); err != nil {
		t.Fatal(err)
	}
}

// awaitingUnheld is an order whose hold Redis does not have.
func (w *world) awaitingUnheld(t *testing.T, seats ...string) order.Order {
	t.Helper()
	o, err := ordertest.HeldOrder(ordertest.Placed(group, seats...)).AwaitPayment("pi_9", "secret", order.Cause{Kind: message.KindOpenPayment, At: w.now})
	if err != nil {
		t.Fatal(err)
	}
	ordertest.Put(t, w.rows, o)
	return o
}
