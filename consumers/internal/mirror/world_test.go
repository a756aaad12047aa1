package mirror_test

import (
	"boxoffice/consumers/internal/seats"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/lambda/streambatch"
	"boxoffice/consumers/internal/memory/memhold"
	"boxoffice/consumers/internal/memory/memorder"
	"boxoffice/consumers/internal/mirror"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/telemetry"
)

var group = contracts.SeatGroup{ConcertID: "nocturne", Group: "A"}

// v1 is a group in the one layout version of these tests.
func v1(g contracts.SeatGroup) seatstate.GroupVersion { return seatstate.In(g, 1) }

// world is the handler over stores in memory, with calls that can be made to fail or to be late.
type world struct {
	now   contracts.Instant
	rows  *memorder.Store
	store *memhold.Store

	mu   sync.Mutex
	sent []message.Encoded
	// calls are those that were made, by name.
	calls []string
	// fail makes the named call fail once, before its effect, or with " reply" behind its name after it.
	fail map[string]bool
	// failAt makes the call of that number fail, counted from 1.
	failAt int
	// down is what calls to Redis answer, nil while it is well.
	down error
	// late runs before each call of the handler, as others work meanwhile.
	late func(call string)
	// metrics are the lines of the handler's meter.
	metrics strings.Builder
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{now: 1_000_600, rows: memorder.New(), fail: map[string]bool{}}
	w.store = memhold.New(func() contracts.Instant { return w.now }, memhold.Options{HoldFor: 5 * time.Minute})
	if err := w.loader().Ensure(t.Context(), v1(group)); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) loader() *seats.Loader {
	return seats.NewLoader(w.rows, w.rows, w, w.store, nil, seats.LoaderOptions{Wait: func(context.Context, time.Duration) error { return nil }})
}

var errBroken = errors.New("broken connection")

func (w *world) failing(call string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail[call] {
		delete(w.fail, call)
		return errBroken
	}
	return nil
}

// call makes one call of the handler. Of failAt, the odd numbers fail before their effect and the even ones after it.
func call[T any](w *world, name string, do func() (T, error)) (T, error) {
	if w.late != nil {
		w.late(name)
	}
	var none T
	w.mu.Lock()
	w.calls = append(w.calls, name)
	before, after := w.failAt == 2*len(w.calls)-1, w.failAt == 2*len(w.calls)
	w.mu.Unlock()
	if err := w.failing(name); err != nil || before {
		return none, errBroken
	}
	answer, err := do()
	if lost := w.failing(name + " reply"); lost != nil || after {
		return none, errBroken
	}
	return answer, err
}

func (w *world) Concert(context.Context, string) (readmodel.Concert, error) {
	return readmodel.Concert{ConcertID: group.ConcertID, LayoutVersion: 1, LayoutFrozen: 1}, nil
}

func (w *world) LayoutGroup(context.Context, string, int, string) (readmodel.LayoutGroup, error) {
	return call(w, "layout", func() (readmodel.LayoutGroup, error) {
		return readmodel.LayoutGroup{Group: "A", Seats: []string{"A-1", "A-2", "A-3", "A-4", "A-5", "A-6"}}, nil
	})
}

func (w *world) Read(ctx context.Context, id contracts.OrderID) (o order.Order, found bool, err error) {
	o, err = call(w, "read", func() (o order.Order, err error) {
		o, found, err = w.rows.Read(ctx, id)
		return o, err
	})
	return o, found, err
}

func (w *world) Ticket(ctx context.Context, g contracts.SeatGroup, seat string) (owner contracts.OrderID, found bool, err error) {
	owner, err = call(w, "ticket", func() (owner contracts.OrderID, err error) {
		owner, found, err = w.rows.Ticket(ctx, g, seat)
		return owner, err
	})
	return owner, found, err
}

// redis makes one call to Redis.
func redis[T any](w *world, name string, do func() (T, error)) (T, error) {
	return call(w, name, func() (none T, err error) {
		if w.down != nil {
			return none, w.down
		}
		return do()
	})
}

func (w *world) Keep(ctx context.Context, g seatstate.GroupVersion, k holds.Kept) (holds.Applied, error) {
	return redis(w, "keep", func() (holds.Applied, error) { return w.store.Keep(ctx, g, k) })
}

func (w *world) Sell(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Sale, error) {
	return redis(w, "sell", func() (holds.Sale, error) { return w.store.Sell(ctx, g, id, places, version) })
}

func (w *world) Restore(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Release, error) {
	return redis(w, "restore", func() (holds.Release, error) { return w.store.Restore(ctx, g, id, places, version) })
}

func (w *world) Release(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, version int) (holds.Release, error) {
	return redis(w, "release", func() (holds.Release, error) { return w.store.Release(ctx, g, id, version) })
}

func (w *world) Send(_ context.Context, messages ...message.Encoded) error {
	_, err := call(w, "send", func() (struct{}, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.sent = append(w.sent, messages...)
		return struct{}{}, nil
	})
	return err
}

func (w *world) Hold(ctx context.Context, g seatstate.GroupVersion, run holds.Run) ([]holds.Answer, error) {
	return w.store.Hold(ctx, g, run)
}

func (w *world) Forward(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, hash string, to holds.Forwarding) (holds.Answer, error) {
	return w.store.Forward(ctx, g, id, hash, to)
}

func (w *world) Maps(ctx context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error) {
	return w.store.Maps(ctx, groups)
}

func (w *world) Loaded(ctx context.Context, g seatstate.GroupVersion) error {
	return w.store.Loaded(ctx, g)
}

// handler is the Mirror of a world, as reserve has it.
func (w *world) handler() mirror.Mirror {
	now := func() time.Time { return w.now.Time() }
	return mirror.Mirror{
		Rows: w, Seats: seats.NewStore(w, w.loader()), Catalogue: w, Sender: w, Log: slog.New(slog.DiscardHandler),
		Meter: telemetry.NewMeter(&w.metrics, "mirror", now), Now: now,
	}
}

// stream is the stream's Mirror, whose Seats load no group.
func (w *world) stream() mirror.Stream {
	m := w.handler()
	m.Seats = w
	return mirror.NewStream(m)
}

// handle hands the stream a batch of hints.
func (w *world) handle(t testing.TB, ids ...contracts.OrderID) (done int, err error) {
	t.Helper()
	return w.stream().Handle(t.Context(), hintsOf(ids))
}

func hintsOf(ids []contracts.OrderID) (hints []streambatch.Hint) {
	for i, id := range ids {
		hints = append(hints, streambatch.Hint{SequenceNumber: fmt.Sprint(i), OrderID: id})
	}
	return hints
}

// handleMessage handles what was sent as MirrorOrder, as reserve does.
func (w *world) handleMessage(t testing.TB, sent message.Encoded) retry.Outcome {
	t.Helper()
	decoded, err := message.Decode(sent.Body)
	m, ok := decoded.(message.MirrorOrder)
	if err != nil || !ok {
		t.Fatalf("%s is no MirrorOrder: %v", sent.Body, err)
	}
	return retry.Classify(w.handler().HandleMessage(t.Context(), m))
}

func (w *world) mirror(t testing.TB, ids ...contracts.OrderID) {
	t.Helper()
	if done, err := w.handle(t, ids...); done != len(ids) || err != nil {
		t.Fatalf("%d of %d done, %v", done, len(ids), err)
	}
}

// row writes an order in a status at version 2, with tickets where it is paid.
func (w *world) row(t testing.TB, status contracts.Status, seats ...string) order.Order {
	t.Helper()
	o := ordertest.HeldOrder(ordertest.Placed(group, seats...))
	o.Status, o.Version = status, 2
	if r := w.rows.PutAll(t.Context(), []order.Order{o})[0]; r.Outcome != order.PutDone {
		t.Fatalf("put: %+v", r)
	}
	if status.Paid() {
		for _, seat := range seats {
			w.rows.PutTicket(group, seat, o.OrderID)
		}
	}
	return o
}

// shown is what Redis shows of each place: ".", or the state with its order's place in ids.
func (w *world) shown(ids ...contracts.OrderID) string {
	state := w.store.Inspect(group)
	text := ""
	for p := range 6 {
		entry := state.Entries[p]
		switch entry.State {
		case seatstate.Held:
			text += fmt.Sprint("h", slices.Index(ids, entry.Order), " ")
		case seatstate.Sold:
			text += fmt.Sprint("s", slices.Index(ids, entry.Order), " ")
		default:
			text += ". "
		}
	}
	return text
}
