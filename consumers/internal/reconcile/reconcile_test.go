package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/holds/holdtest"
	"boxoffice/consumers/internal/memhold"
	"boxoffice/consumers/internal/memledger"
	"boxoffice/consumers/internal/memorder"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/ordertest"
	"boxoffice/consumers/internal/reconcile"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

const minute = contracts.Instant(60_000)

// world has one concert of two groups, on sale from minute 100 to minute 200.
type world struct {
	now   contracts.Instant
	rows  *memorder.Store
	store *memhold.Store
	notes *memledger.Store
	// reconciler is the process: it remembers what it compared.
	reconciler *reconcile.Reconciler
	// looks counts the readings of whole groups; onTickets, if set, is what happens while a comparison goes on.
	looks     int
	onTickets func()

	mu      sync.Mutex
	sent    []message.Encoded
	letters []reconcile.Letter
	kept    []readmodel.DeadLetter
	fail    map[string]bool
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{now: 150 * minute, rows: memorder.New(), notes: memledger.New(), fail: map[string]bool{}}
	w.store = memhold.New(func() contracts.Instant { return w.now }, memhold.Options{HoldFor: 5 * time.Minute})
	for i, name := range []string{"A", "B"} {
		w.load(t, name, int64(i+1))
	}
	w.restart()
	return w
}

// restart is a new process.
func (w *world) restart() {
	w.reconciler = &reconcile.Reconciler{
		Catalogue: w, Rows: rows{w.rows, w}, Groups: w, Sender: w, DeadLetters: []reconcile.DeadLetterQueue{w}, Letters: w, Ledger: ledger{w},
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return w.now.Time() },
	}
}

func group(name string) contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: "nocturne", Group: name}
}

func (w *world) load(t *testing.T, name string, token int64) {
	t.Helper()
	if _, err := w.store.Lock(t.Context(), group(name), token, time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := w.store.Load(t.Context(), group(name), holds.Load{Token: token, Places: 40}); err != nil {
		t.Fatal(err)
	}
}

func (w *world) failing(call string) error {
	if w.fail[call] {
		return errors.New(call + ": broken connection")
	}
	return nil
}

func (w *world) Concerts(context.Context) ([]readmodel.Concert, error) {
	c := readmodel.Concert{ConcertID: "nocturne", OnSaleAt: 100 * minute, OffSaleAt: 200 * minute, LayoutVersion: 1, LayoutFrozen: 1}
	unfrozen := c
	unfrozen.ConcertID, unfrozen.LayoutFrozen = "unfrozen", 0
	return []readmodel.Concert{c, unfrozen}, w.failing("concerts")
}

func (w *world) Layout(context.Context, string, int) ([]readmodel.LayoutGroup, error) {
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

func (r rows) Tickets(ctx context.Context, g contracts.SeatGroup) (map[string]contracts.OrderID, error) {
	if r.w.onTickets != nil && g == group("A") {
		r.w.onTickets()
	}
	return r.Store.Tickets(ctx, g)
}

func (w *world) Maps(ctx context.Context, groups []contracts.SeatGroup) ([]seatstate.Snapshot, error) {
	if err := w.failing("maps"); err != nil {
		return nil, err
	}
	return w.store.Maps(ctx, groups)
}

func (w *world) Sweep(ctx context.Context, g contracts.SeatGroup) (int, error) {
	return w.store.Sweep(ctx, g)
}

func (w *world) State(ctx context.Context, g contracts.SeatGroup) (holds.State, error) {
	w.mu.Lock()
	w.looks++
	w.mu.Unlock()
	return w.store.State(ctx, g)
}

func (w *world) Repair(ctx context.Context, g contracts.SeatGroup, epoch int64, changes []holds.Change) (holds.Repaired, error) {
	if err := w.failing("repair"); err != nil {
		return holds.Repaired{}, err
	}
	return w.store.Repair(ctx, g, epoch, changes)
}

func (w *world) Send(_ context.Context, messages ...message.Encoded) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.failing("send"); err != nil {
		return err
	}
	w.sent = append(w.sent, messages...)
	return nil
}

func (w *world) Name() string { return "orders-dead" }

// Receive answers two letters a call, as a queue that shows only some.
func (w *world) Receive(context.Context) ([]reconcile.Letter, error) {
	return slices.Clone(w.letters[:min(2, len(w.letters))]), w.failing("receive")
}

func (w *world) Delete(_ context.Context, letter reconcile.Letter) error {
	if err := w.failing("delete"); err != nil {
		return err
	}
	w.letters = slices.DeleteFunc(w.letters, func(l reconcile.Letter) bool { return l.Receipt == letter.Receipt })
	return nil
}

func (w *world) Keep(_ context.Context, letter readmodel.DeadLetter) error {
	if err := w.failing("keep"); err != nil {
		return err
	}
	w.kept = slices.DeleteFunc(w.kept, func(k readmodel.DeadLetter) bool { return k.MessageKey == letter.MessageKey })
	w.kept = append(w.kept, letter)
	return nil
}

func (w *world) run(t *testing.T) (reconcile.Report, error) {
	t.Helper()
	return w.reconciler.Run(t.Context())
}

// held puts an order in a status whose hold was made at an instant; it took the status in the same instant.
func (w *world) held(t *testing.T, name string, status contracts.Status, at contracts.Instant) order.Order {
	t.Helper()
	m := ordertest.Placed(group(name), "A-1-1")
	cause := order.Cause{Kind: message.KindPlaceOrder, At: at}
	o := order.NewHeld(m, "1", order.Hold{Seats: m.Seats, HeldAt: at, ExpiresAt: at + 5*minute}, cause)
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

// Each step is sent again once it is late, and no other: counted from the hold, or from the commit.
func TestOrdersWhoseStepIsLateGetItAgain(t *testing.T) {
	const second = contracts.Instant(1000)
	for _, c := range []struct {
		status contracts.Status
		// since is how long ago the hold was made; it lasts 5 minutes.
		since contracts.Instant
		want  message.Kind
		queue message.Queue
	}{
		{contracts.Held, 15*second - 1, "", ""},
		{contracts.Held, 15 * second, message.KindOpenPayment, message.QueuePayments},
		{contracts.Held, 5*minute + 15*second - 1, message.KindOpenPayment, message.QueuePayments},
		{contracts.Held, 5*minute + 15*second, message.KindExpireHold, message.QueueOrders},
		{contracts.AwaitingPayment, 5*minute - 75*second - 1, "", ""},
		{contracts.AwaitingPayment, 5*minute - 75*second, message.KindCheckPayment, message.QueuePayments},
		{contracts.AwaitingPayment, 5*minute + 10*second - 1, message.KindCheckPayment, message.QueuePayments},
		{contracts.AwaitingPayment, 5*minute + 10*second, "", ""},
		{contracts.AwaitingPayment, 5*minute + 15*second, message.KindExpireHold, message.QueueOrders},
		{contracts.Committed, 30*second - 1, "", ""},
		{contracts.Committed, 30 * second, message.KindCapturePayment, message.QueuePayments},
		{contracts.Committed, 60 * minute, message.KindCapturePayment, message.QueuePayments},
	} {
		w := newWorld(t)
		o := w.held(t, "A", c.status, w.now-c.since)
		if _, err := w.run(t); err != nil {
			t.Fatal(err)
		}
		first := w.steps(o.OrderID)
		if c.want == "" && len(first) > 0 || c.want != "" && (len(first) != 1 || first[0].Attributes.Kind != c.want || first[0].Queue != c.queue) {
			t.Errorf("%s for %d ms: sent %+v, want %s", c.status, c.since, first, c.want)
			continue
		}
		if len(first) == 0 {
			continue
		}
		w.sent, w.now = nil, w.now+minute
		if _, err := w.run(t); err != nil {
			t.Fatal(err)
		}
		for _, again := range w.steps(o.OrderID) {
			if again.DeduplicationID == first[0].DeduplicationID {
				t.Errorf("%s: the next run's send would be swallowed", c.status)
			}
		}
	}
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

func TestGroupsThatAreNotLoadedAreAskedFor(t *testing.T) {
	w := newWorld(t)
	w.store.Wipe(group("B"))
	report, err := w.run(t)
	if err != nil || report.Rebuilt != 1 || w.sent[0].Attributes.Kind != message.KindRebuildGroup || w.sent[0].Group != "nocturne#B" {
		t.Errorf("report %+v, %v, sent %+v", report, err, w.sent)
	}
}

func TestConcertsAreLookedAfterAroundTheirSale(t *testing.T) {
	for at, want := range map[contracts.Instant]int{
		90*minute - 1: 0, 90 * minute: 2, 150 * minute: 2, 260*minute - 1: 2, 260 * minute: 0,
	} {
		w := newWorld(t)
		w.now = at
		if report, err := w.run(t); err != nil || report.Groups != want {
			t.Errorf("at %d: %+v, %v, want %d groups", at, report, err, want)
		}
	}
}

func TestLapsedHoldsAreSwept(t *testing.T) {
	w := newWorld(t)
	for i := range 20 {
		if _, err := holdtest.Hold(t.Context(), w.store, group("A"), holds.Ask{Order: contracts.OrderID(fmt.Sprint("o", i)), Hash: "h", Places: []int{i}}); err != nil {
			t.Fatal(err)
		}
	}
	w.now = w.now.Add(5*time.Minute + seatstate.LapseAfter)
	if report, err := w.run(t); err != nil || report.Swept != 4 {
		t.Errorf("report %+v, %v; want 3 calls for A and 1 for B", report, err)
	}
	if n := len(w.store.Inspect(group("A")).Entries); n != 0 {
		t.Errorf("%d places are taken", n)
	}
}

func (w *world) letter(t *testing.T, id string, a message.Attributes) {
	t.Helper()
	w.letters = append(w.letters, reconcile.Letter{
		Delivery: message.Delivery{MessageID: id, SequenceNumber: "7", SentAt: w.now - 1, Group: "nocturne#A", Attributes: a, Body: "body of " + id},
		Receipt:  "receipt of " + id, Reason: "malformed",
	})
}

// A dead PlaceOrder's buyer gets an answer, and each letter is kept before it is deleted, whatever fails in between.
func TestDeadLettersAreDrained(t *testing.T) {
	for _, crash := range []string{"", "receive", "keep", "delete"} {
		w := newWorld(t)
		placed := message.Attributes{Kind: message.KindPlaceOrder, OrderID: ordertest.NewID(), UserID: "anna", ConcertID: "nocturne", Group: "A"}
		decided := w.held(t, "A", contracts.Held, w.now)
		w.letter(t, "m-1", placed)
		w.letter(t, "m-2", message.Attributes{Kind: message.KindPlaceOrder, OrderID: decided.OrderID, UserID: "anna", ConcertID: "nocturne", Group: "A"})
		w.letter(t, "m-3", message.Attributes{Kind: message.KindExpireHold, OrderID: ordertest.NewID()})
		w.letter(t, "m-4", message.Attributes{Kind: message.KindPlaceOrder, OrderID: "no order id"})
		if crash != "" {
			w.fail[crash] = true
			if _, err := w.run(t); err == nil {
				t.Fatalf("%s: the failure is not told", crash)
			}
			clear(w.fail)
		}
		report, err := w.run(t)
		if err != nil || len(w.letters) != 0 || len(w.kept) != 4 || crash == "" && report.DeadLetters != 4 {
			t.Errorf("after %q: %+v, %v, %d left, %d kept", crash, report, err, len(w.letters), len(w.kept))
		}
		row, found, err := w.rows.Read(t.Context(), placed.OrderID)
		if err != nil || !found || row.Status != contracts.Rejected || row.Reason.Code != contracts.ReasonInternal || row.UserID != "anna" {
			t.Errorf("after %q: row %+v, %v", crash, row, err)
		}
		if row, _, _ := w.rows.Read(t.Context(), decided.OrderID); row.Status != contracts.Held || row.Version != 1 {
			t.Errorf("an order that has a row became %s at %d", row.Status, row.Version)
		}
		if k := w.kept[0]; k.Queue != "orders-dead" || k.Reason != "malformed" || k.Body != "body of m-1" || k.SeatGroup != "nocturne#A" {
			t.Errorf("kept %+v", k)
		}
	}
}

// A part that fails does not keep the others from theirs.
func TestPartsDoNotWaitForEachOther(t *testing.T) {
	w := newWorld(t)
	w.held(t, "A", contracts.Held, w.now-10*minute)
	w.letter(t, "m-1", message.Attributes{Kind: message.KindExpireHold})
	w.fail["maps"] = true
	report, err := w.run(t)
	if err == nil || report.Expired != 1 || report.DeadLetters != 1 {
		t.Errorf("report %+v, %v", report, err)
	}
}
