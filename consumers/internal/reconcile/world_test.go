package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/memory/memhold"
	"boxoffice/consumers/internal/memory/memledger"
	"boxoffice/consumers/internal/memory/memorder"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/reconcile"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

const (
	minute = contracts.Instant(60_000)
	second = contracts.Instant(1000)
)

// world has one concert of two groups, on sale from minute 100 to minute 200.
type world struct {
	// now is the time, unless the world is live: then it is that of the bubble.
	now   contracts.Instant
	live  bool
	rows  *memorder.Store
	notes *memledger.Store
	store *memhold.Store
	// concerts are all that there are, each with the groups A and B.
	concerts []readmodel.Concert
	// unread are groups whose maps are not read while the others are.
	unread []contracts.SeatGroup
	// first is what processes were told to read first.
	first []layoutitem.Ref
	// dead are the dead-letter queues.
	dead []*deadQueue
	// reconciler is the process: it remembers what it compared.
	reconciler *reconcile.Reconciler
	// looks counts the readings of whole groups; onTickets, if set, is what happens while a comparison goes on.
	looks     int
	onTickets func()

	// fail are the calls that fail, takes those that take time in a bubble. Both are by the name of the call.
	fail  map[string]bool
	takes map[string]time.Duration

	mu   sync.Mutex
	sent []message.Encoded
	kept map[string]readmodel.DeadLetter
	// calls are how many there were of each name.
	calls map[string]int
}

// at is the time.
func (w *world) at() contracts.Instant {
	if w.live {
		return contracts.InstantOf(time.Now())
	}
	return w.now
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{now: 150 * minute, rows: memorder.New(), notes: memledger.New(), kept: map[string]readmodel.DeadLetter{}, fail: map[string]bool{}, takes: map[string]time.Duration{}, calls: map[string]int{}}
	c := readmodel.Concert{ConcertID: "nocturne", OnSaleAt: 100 * minute, OffSaleAt: 200 * minute, LayoutVersion: 1, LayoutFrozen: 1}
	// Its row has another layout than the frozen one, which no load can bring about: nothing of it is touched.
	other := c
	other.ConcertID, other.LayoutVersion = "regrouped", 2
	w.concerts = []readmodel.Concert{c, other}
	w.dead = []*deadQueue{newDeadQueue("orders-dead", w), newDeadQueue("payments-dead", w)}
	w.store = memhold.New(w.at, memhold.Options{HoldFor: 5 * time.Minute})
	for i, name := range []string{"A", "B"} {
		w.load(t, name, int64(i+1))
	}
	w.restart()
	return w
}

// restart is a new process.
func (w *world) restart() {
	w.reconciler = &reconcile.Reconciler{
		Catalogue: w, Rows: rows{w.rows, w}, Groups: w, Sender: w, Letters: w, Ledger: ledger{w},
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return w.at().Time() },
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

func (w *world) load(t testing.TB, name string, token int64) {
	t.Helper()
	if _, err := w.store.Lock(t.Context(), group(name), token, time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := w.store.Load(t.Context(), v1(group(name)), holds.Load{Token: token, Places: 40}); err != nil {
		t.Fatal(err)
	}
}

// call is the begin of a call of that name: it may take time, and fail. No lock may be held.
func (w *world) call(name string) error {
	w.mu.Lock()
	w.calls[name]++
	w.mu.Unlock()
	if d := w.takes[name]; d > 0 {
		time.Sleep(d)
	}
	if w.fail[name] {
		return errors.New(name + ": broken connection")
	}
	return nil
}

func (w *world) Concerts(context.Context) ([]readmodel.Concert, error) {
	if err := w.call("concerts"); err != nil {
		return nil, err
	}
	if w.fail["one concert"] {
		return w.concerts, errors.New("a concert that does not decode")
	}
	return w.concerts, nil
}

// Freeze marks what is in the list.
func (w *world) Freeze(_ context.Context, concertID string, version int) (bool, error) {
	if err := w.call("freeze"); err != nil {
		return false, err
	}
	for i := range w.concerts {
		if c := &w.concerts[i]; c.ConcertID == concertID && c.LayoutVersion == version && c.LayoutFrozen == 0 {
			c.LayoutFrozen = version
			return true, nil
		}
	}
	return false, nil
}

// TellFirst notes what was told last.
func (w *world) TellFirst(_ context.Context, refs []layoutitem.Ref) error {
	if err := w.call("first"); err != nil {
		return err
	}
	w.first = refs
	return nil
}

func (w *world) Complete(_ context.Context, concertID string, _ int) error {
	return errors.Join(w.call("complete"), w.call("complete "+concertID))
}

func (w *world) Layout(_ context.Context, concertID string, _ int) ([]readmodel.LayoutGroup, error) {
	if err := errors.Join(w.call("layout"), w.call("layout of "+concertID)); err != nil {
		return nil, err
	}
	seats := make([]string, 40)
	for i := range seats {
		seats[i] = fmt.Sprintf("A-1-%d", i+1)
	}
	return []readmodel.LayoutGroup{{Group: "A", Seats: seats}, {Group: "B", Seats: seats}}, nil
}

// rows are the orders, with something that happens while tickets are read.
type rows struct {
	*memorder.Store
	w *world
}

func (r rows) PutAll(ctx context.Context, puts []order.Order) []order.PutResult {
	if err := r.w.call("put"); err != nil {
		return []order.PutResult{{Err: err}}
	}
	return r.Store.PutAll(ctx, puts)
}

func (r rows) ReadMany(ctx context.Context, ids []contracts.OrderID) ([]order.Order, error) {
	if err := r.w.call("read"); err != nil {
		return nil, err
	}
	for _, id := range ids {
		if r.w.fail["read "+string(id)] {
			return nil, errors.New("a row that cannot be read")
		}
	}
	return r.Store.ReadMany(ctx, ids)
}

func (r rows) DuePage(ctx context.Context, scan order.DueScan) (order.DuePage, error) {
	if err := r.w.call("due"); err != nil {
		return order.DuePage{}, err
	}
	return r.Store.DuePage(ctx, scan)
}

func (r rows) OpenIDs(ctx context.Context, g contracts.SeatGroup) ([]contracts.OrderID, error) {
	if err := r.w.call("open"); err != nil {
		return nil, err
	}
	return r.Store.OpenIDs(ctx, g)
}

func (r rows) Tickets(ctx context.Context, g contracts.SeatGroup) (map[string]contracts.OrderID, error) {
	if err := r.w.call("tickets"); err != nil {
		return nil, err
	}
	if r.w.onTickets != nil && g == group("A") {
		r.w.onTickets()
	}
	return r.Store.Tickets(ctx, g)
}

func (w *world) Maps(ctx context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error) {
	if err := w.call("maps"); err != nil {
		return nil, err
	}
	maps, err := w.store.Maps(ctx, groups)
	if len(w.unread) > 0 {
		// What comes beside the error for those is nothing that anybody may go by.
		err = errors.Join(err, &holds.UnreadError{Groups: w.unread, Err: errors.New("connection refused")})
	}
	return maps, err
}

func (w *world) Sweep(ctx context.Context, g seatstate.GroupVersion) (int, error) {
	if err := w.call("sweep"); err != nil {
		return 0, err
	}
	return w.store.Sweep(ctx, g)
}

func (w *world) State(ctx context.Context, g seatstate.GroupVersion) (holds.State, error) {
	if err := w.call("state"); err != nil {
		return holds.State{}, err
	}
	w.mu.Lock()
	w.looks++
	w.mu.Unlock()
	return w.store.State(ctx, g)
}

func (w *world) Repair(ctx context.Context, g seatstate.GroupVersion, epoch int64, changes []holds.Change) (holds.Repaired, error) {
	if err := w.call("repair"); err != nil {
		return holds.Repaired{}, err
	}
	return w.store.Repair(ctx, g, epoch, changes)
}

func (w *world) Send(_ context.Context, messages ...message.Encoded) error {
	if err := w.call("send"); err != nil {
		return err
	}
	for _, m := range messages {
		if w.fail["send to "+string(m.Queue)] {
			return errors.New("send: broken connection")
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, messages...)
	return nil
}

func (w *world) run(t *testing.T) (reconcile.Report, error) {
	t.Helper()
	return w.reconciler.Run(t.Context())
}

// held puts an order in a status whose hold was made at an instant; it took the status in the same instant.
func (w *world) held(t *testing.T, name string, status contracts.Status, at contracts.Instant) order.Order {
	t.Helper()
	return w.heldIn(t, group(name), status, at)
}

func (w *world) heldIn(t *testing.T, g contracts.SeatGroup, status contracts.Status, at contracts.Instant) order.Order {
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
	ordertest.Put(t, w.rows, o)
	return o
}

// steps are what was sent to an order.
func (w *world) steps(id contracts.OrderID) (sent []message.Encoded) {
	for _, m := range w.sent {
		if m.Attributes.OrderID == id {
			sent = append(sent, m)
		}
	}
	return sent
}

// kinds are the messages that were sent, by kind.
func (w *world) kinds() map[message.Kind]int {
	n := map[message.Kind]int{}
	for _, m := range w.sent {
		n[m.Attributes.Kind]++
	}
	return n
}
