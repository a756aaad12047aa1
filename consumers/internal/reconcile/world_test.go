package reconcile_test

import (
	"testing"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/reconcile"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

const (
	minute = contracts.Instant(60_000)
	second = contracts.Instant(1000)
)

// fixture is a World with one concert of the groups A and B, of 40 seats each, on sale from minute 100 to minute 200. It is minute
// 150. Two dead-letter queues and a Reconciler are over it.
type fixture struct {
	*world.World
	// dead are the dead-letter queues.
	dead []*deadQueue
	// view is what the overview is made from, and what is written of it.
	view *fakeView
	// reconciler is the process: it remembers what it compared.
	reconciler *reconcile.Reconciler
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	w := &fixture{World: world.New(150 * minute)}
	c := readmodel.Concert{ConcertID: "nocturne", OnSaleAt: 100 * minute, OffSaleAt: 200 * minute, LayoutVersion: 1, LayoutFrozen: 1}
	// Its row has another layout than the frozen one, which no load can bring about: nothing of it is touched.
	other := c
	other.ConcertID, other.LayoutVersion = "regrouped", 2
	w.Catalog.Concerts = []readmodel.Concert{c, other}
	w.Catalog.Layout = func(string, int) []readmodel.LayoutGroup {
		return []readmodel.LayoutGroup{world.Row("A", "A-1", 40), world.Row("B", "A-1", 40)}
	}
	w.dead = []*deadQueue{newDeadQueue("orders-dead", w), newDeadQueue("payments-dead", w)}
	w.view = newFakeView(t, w)
	for i, name := range []string{"A", "B"} {
		w.load(t, name, int64(i+1))
	}
	w.restart()
	return w
}

// restart begins a new process.
func (w *fixture) restart() {
	w.reconciler = &reconcile.Reconciler{
		Catalogue: w.Catalogue(), Rows: w.Orders(), Groups: w.Groups(), Sender: w.Sender(), Letters: w.DeadLetters(), Ledger: w.Notes(),
		View: w.view.ports(), Log: w.Log(), Now: w.Now,
	}
	for _, q := range w.dead {
		w.reconciler.DeadLetters = append(w.reconciler.DeadLetters, q)
	}
}

func group(name string) contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: "nocturne", Group: name}
}

// v1 is a group in the one layout version of these tests.
func v1(g contracts.SeatGroup) seatstate.GroupVersion { return seatstate.In(g, 1) }

func (w *fixture) load(t testing.TB, name string, token int64) {
	t.Helper()
	if _, err := w.Holds.Lock(t.Context(), group(name), token, time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := w.Holds.Load(t.Context(), v1(group(name)), holds.Load{Token: token, Places: 40}); err != nil {
		t.Fatal(err)
	}
}

// failing makes every call of these names fail until Heal.
func (w *fixture) failing(calls ...world.Call) { w.Down(world.ErrDown, calls...) }

// counts is how many calls of each name were made.
func (w *fixture) counts() map[world.Call]int {
	n := map[world.Call]int{}
	for _, c := range w.Calls() {
		n[c]++
	}
	return n
}

func (w *fixture) run(t *testing.T) (reconcile.Report, error) {
	t.Helper()
	return w.reconciler.Run(t.Context())
}

// held puts an order in a status, whose hold was made at an instant and which took the status in the same instant.
func (w *fixture) held(t *testing.T, name string, status contracts.Status, at contracts.Instant) order.Order {
	t.Helper()
	return w.heldIn(t, group(name), status, at)
}

func (w *fixture) heldIn(t *testing.T, g contracts.SeatGroup, status contracts.Status, at contracts.Instant) order.Order {
	t.Helper()
	m := ordertest.Placed(g, "A-1-1")
	cause := order.Cause{Kind: message.KindPlaceOrder, At: at}
	o := order.NewHeld(m, "1", order.Hold{Seats: m.Seats, HeldAt: at, ExpiresAt: at + 5*minute, BuyerLimit: 8}, cause)
	var err error
	switch status {
	case contracts.AwaitingPayment:
		o, err = o.AwaitPayment("pi_1", "secret", cause)
	case contracts.Committed:
		o, err = o.Commit("pi_1", cause)
	}
	if err != nil {
		t.Fatal(err)
	}
	ordertest.Put(t, w.Rows, o)
	return o
}

// steps is the messages that were sent to an order.
func (w *fixture) steps(id contracts.OrderID) (sent []message.Encoded) {
	for _, m := range w.Sent() {
		if m.Attributes.OrderID == id {
			sent = append(sent, m)
		}
	}
	return sent
}

// kinds is how many messages of each kind were sent.
func (w *fixture) kinds() map[message.Kind]int {
	n := map[message.Kind]int{}
	for _, kind := range w.SentKinds() {
		n[kind]++
	}
	return n
}
