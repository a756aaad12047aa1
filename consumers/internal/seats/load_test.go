package seats_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/memory/memhold"
	"boxoffice/consumers/internal/memory/memorder"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/seats"
	"boxoffice/consumers/internal/testkit/holdtest"
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

type world struct {
	now   contracts.Instant
	rows  *memorder.Store
	store *memhold.Store
	// waits is called at each wait for the index.
	waits func(d time.Duration)
	// frozen is the layout version that is sold, 0 for none. metrics are those that were put.
	frozen  int
	metrics bytes.Buffer
}

func newWorld() *world {
	w := &world{now: 1_100_000, rows: memorder.New(), waits: func(time.Duration) {}, frozen: 1}
	w.store = memhold.New(func() contracts.Instant { return w.now }, memhold.Options{HoldFor: 5 * time.Minute})
	return w
}

func (w *world) Concert(context.Context, string) (readmodel.Concert, error) {
	return readmodel.Concert{ConcertID: group.ConcertID, LayoutVersion: max(w.frozen, 1), LayoutFrozen: w.frozen}, nil
}

// LayoutGroup has four seats in the first version; each later one adds five before them.
func (w *world) LayoutGroup(_ context.Context, _ string, version int, _ string) (readmodel.LayoutGroup, error) {
	g := readmodel.LayoutGroup{Group: group.Group, Seats: []string{"A-1-1", "A-1-2", "A-1-3", "A-1-4"}}
	for v := 2; v <= version; v++ {
		for n := range 5 {
			g.Seats = append([]string{fmt.Sprintf("A-%d-%d", v, 5-n)}, g.Seats...)
		}
	}
	return g, nil
}

func (w *world) seats() *seats.Store { return seats.NewStore(w.store, w.loader()) }

func (w *world) loader() *seats.Loader {
	meter := telemetry.NewMeter(&w.metrics, "test", w.now.Time)
	return seats.NewLoader(w.rows, w.rows, w, w.store, meter, seats.LoaderOptions{
		Wait: func(_ context.Context, d time.Duration) error { w.waits(d); return nil },
		Now:  func() time.Time { return w.now.Time() },
	})
}

func (w *world) put(t *testing.T, o order.Order) order.Order {
	t.Helper()
	ordertest.Put(t, w.rows, o)
	return o
}

func TestAGroupIsLoadedFromTicketsAndOpenRows(t *testing.T) {
	w := newWorld()
	w.rows.PutTicket(group, "A-1-1", "sold-order")
	open := w.put(t, ordertest.HeldOrder(ordertest.Placed(group, "A-1-3", "A-1-4")))
	over := ordertest.HeldOrder(ordertest.Placed(group, "A-1-2"))
	w.put(t, over)
	expired, err := over.Expire(order.Cause{Kind: message.KindExpireHold, At: over.ExpiresFrom()})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.rows.Update(t.Context(), over, expired); err != nil {
		t.Fatal(err)
	}

	if err := w.loader().Ensure(t.Context(), v1(group)); err != nil {
		t.Fatal(err)
	}
	state := w.store.Inspect(group)
	if !state.Loaded || state.Lock != 0 || state.Revision.Epoch != 1 {
		t.Errorf("loaded %v, lock %d, revision %s", state.Loaded, state.Lock, state.Revision)
	}
	for place, want := range []seatstate.State{seatstate.Sold, seatstate.Free, seatstate.Held, seatstate.Held} {
		if got := state.Map.At(place); got != want {
			t.Errorf("place %d is %d, want %d", place, got, want)
		}
	}
	record := state.Records[open.OrderID]
	if record.Version != 1 || record.Hash != open.RequestHash || record.HoldExpiresAt != open.HoldExpiresAt || record.Lapses != open.HoldExpiresAt.Add(seatstate.LapseAfter) {
		t.Errorf("record is %+v", record)
	}
}

// The seats of an open row stay held past its end, until its row is known to be over.
func TestARowPastItsEndIsStillHeld(t *testing.T) {
	w := newWorld()
	open := w.put(t, ordertest.HeldOrder(ordertest.Placed(group, "A-1-1")))
	w.now = open.HoldExpiresAt.Add(time.Hour)
	if err := w.loader().Ensure(t.Context(), v1(group)); err != nil {
		t.Fatal(err)
	}
	state := w.store.Inspect(group)
	if got := state.Entries[0].Lapses; got != w.now.Add(seatstate.LapseAfter) {
		t.Errorf("lapses at %s, want %s", got, w.now.Add(seatstate.LapseAfter))
	}
}

// The index lags: a row that only the second read shows is held too.
func TestTheIndexIsReadTwice(t *testing.T) {
	w := newWorld()
	var waited []time.Duration
	w.waits = func(d time.Duration) {
		waited = append(waited, d)
		w.put(t, ordertest.HeldOrder(ordertest.Placed(group, "A-1-2")))
	}
	if err := w.loader().Ensure(t.Context(), v1(group)); err != nil {
		t.Fatal(err)
	}
	if len(waited) != 1 || waited[0] != time.Second || w.store.Inspect(group).Map.At(1) != seatstate.Held {
		t.Errorf("waited %v, map %v", waited, w.store.Inspect(group).Map)
	}
}

func TestWhoDoesNotGetTheLockComesBackAtOnce(t *testing.T) {
	w := newWorld()
	if locked, err := w.store.Lock(t.Context(), group, 99, time.Minute); !locked || err != nil {
		t.Fatal(locked, err)
	}
	err := w.loader().Ensure(t.Context(), v1(group))
	if !errors.Is(err, seats.ErrBusy) {
		t.Fatalf("got %v", err)
	}
	if o := retry.Classify(err); o.Class != retry.ClassRetryable || o.After != time.Second {
		t.Errorf("outcome %s after %s", o.Class, o.After)
	}
	if w.store.Inspect(group).Loaded {
		t.Error("the group was loaded without the lock")
	}
}

// A loader that fails does not keep others waiting for its lock.
func TestAFailedLoadGivesTheLockBack(t *testing.T) {
	w := newWorld()
	ctx, cancel := context.WithCancel(t.Context())
	r := seats.NewLoader(w.rows, w.rows, w, w.store, nil, seats.LoaderOptions{Wait: func(ctx context.Context, _ time.Duration) error {
		cancel()
		return ctx.Err()
	}})
	if err := r.Ensure(ctx, v1(group)); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if state := w.store.Inspect(group); state.Loaded || state.Lock != 0 {
		t.Errorf("loaded %v, lock %d", state.Loaded, state.Lock)
	}
}

// A loader that was frozen past its lock carries an old token: what it read is refused, and what the other loaded
// stands.
func TestALateLoaderIsRefused(t *testing.T) {
	w := newWorld()
	w.waits = func(time.Duration) {
		w.waits = func(time.Duration) {}
		w.now = w.now.Add(11 * time.Second) // the lock has ended
		if err := w.loader().Ensure(t.Context(), v1(group)); err != nil {
			t.Fatal(err)
		}
		if _, err := holdtest.Hold(t.Context(), w.store, v1(group), holds.Ask{Order: "late", Hash: "h", Places: []int{0}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.loader().Ensure(t.Context(), v1(group)); err != nil {
		t.Fatal(err)
	}
	state := w.store.Inspect(group)
	if state.Revision.Epoch != 2 || state.Map.At(0) != seatstate.Held {
		t.Errorf("revision %s, map %v: the late load overwrote the group", state.Revision, state.Map)
	}
}

func TestItIsNotBegunWithoutTheTimeToEndIt(t *testing.T) {
	w := newWorld()
	ctx, cancel := context.WithDeadline(t.Context(), w.now.Add(1200*time.Millisecond).Time())
	defer cancel()
	err := w.loader().Ensure(context.WithoutCancel(ctx), v1(group))
	if err != nil {
		t.Fatalf("without a deadline: %v", err)
	}
	w = newWorld()
	// The deadline lies in the past of the process's clock, so only the deadline itself may be looked at.
	if err := w.loader().Ensure(deadlineOnly{t.Context(), w.now.Add(1200 * time.Millisecond).Time()}, v1(group)); !errors.Is(err, seats.ErrNoTime) {
		t.Errorf("got %v", err)
	}
	if err := w.loader().Ensure(deadlineOnly{t.Context(), w.now.Add(1400 * time.Millisecond).Time()}, v1(group)); err != nil {
		t.Errorf("with enough time: %v", err)
	}
}

// deadlineOnly has a deadline of a test's clock.
type deadlineOnly struct {
	context.Context
	at time.Time
}

func (d deadlineOnly) Deadline() (time.Time, bool) { return d.at, true }

func TestRowsThatDoNotFitTheLayoutArePoison(t *testing.T) {
	w := newWorld()
	w.put(t, ordertest.HeldOrder(ordertest.Placed(group, "A-9-9")))
	if o := retry.Classify(w.loader().Ensure(t.Context(), v1(group))); o.Class != retry.ClassPoison || o.Reason != "unknown_seat" {
		t.Errorf("outcome %+v", o)
	}
}

// counted counts the calls of Loaded.
type counted struct {
	*memhold.Store
	calls int
	// lost says that the group is never there.
	lost bool
}

func (c *counted) Loaded(ctx context.Context, g seatstate.GroupVersion) error {
	if c.calls++; c.lost {
		return holds.ErrNotLoaded
	}
	return c.Store.Loaded(ctx, g)
}

func TestStoreMakesTheCallAgainOnceTheGroupIsLoaded(t *testing.T) {
	w := newWorld()
	c := &counted{Store: w.store}
	for _, want := range []int{2, 3} {
		if err := seats.NewStore(c, w.loader()).Ensure(t.Context(), v1(group)); err != nil || c.calls != want {
			t.Errorf("%d calls, want %d, %v", c.calls, want, err)
		}
	}
	// A group that is lost each time is not asked for ever.
	c.calls, c.lost = 0, true
	if err := seats.NewStore(c, w.loader()).Ensure(t.Context(), v1(group)); !errors.Is(err, holds.ErrNotLoaded) || c.calls != 3 {
		t.Errorf("%d calls, %v", c.calls, err)
	}
}

func TestRebuildGroup(t *testing.T) {
	w := newWorld()
	h := seats.Rebuild{Concerts: w, Groups: w.seats()}
	m := message.RebuildGroup{ConcertID: group.ConcertID, Group: group.Group, CommandID: "c-1"}
	for range 2 {
		if o := retry.Classify(h.Handle(t.Context(), m)); o.Class != retry.ClassDone {
			t.Fatalf("outcome %+v", o)
		}
	}
	if epoch := w.store.Inspect(group).Revision.Epoch; epoch != 1 {
		t.Errorf("epoch %d: a group that is there was loaded again", epoch)
	}
}
