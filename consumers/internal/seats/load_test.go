package seats_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/seats"
	"boxoffice/consumers/internal/testkit/holdtest"
	"boxoffice/consumers/internal/testkit/ordertest"
	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

var group = contracts.SeatGroup{ConcertID: "nocturne", Group: "A"}

// v1 is a group in the one layout version of these tests.
func v1(g contracts.SeatGroup) seatstate.GroupVersion { return seatstate.In(g, 1) }

// fixture is a World with the loader of groups over it.
type fixture struct {
	*world.World
	// waits is called at each wait of the loader for the index.
	waits func(d time.Duration)
}

func newFixture() *fixture {
	w := &fixture{World: world.New(1_100_000), waits: func(time.Duration) {}}
	// Group A has four seats in the first version; each later one adds five before them.
	w.Catalog.Layout = func(_ string, version int) []readmodel.LayoutGroup {
		g := world.Row(group.Group, "A-1", 4)
		for v := 2; v <= version; v++ {
			for n := range 5 {
				g.Seats = append([]string{fmt.Sprintf("A-%d-%d", v, 5-n)}, g.Seats...)
			}
		}
		return []readmodel.LayoutGroup{g}
	}
	return w
}

// freeze makes a layout version the one that is sold; 0 is none.
func (w *fixture) freeze(version int) {
	c := &w.Catalog.Concerts[0]
	c.LayoutVersion, c.LayoutFrozen = max(version, 1), version
}

// Seats is the Store with the loader of this fixture.
func (w *fixture) Seats() *seats.Store { return seats.NewStore(w.Groups(), w.loader()) }

// loader is a Loader that reads and writes through the ports of the World.
func (w *fixture) loader() *seats.Loader { return w.loaderOf(w.Orders()) }

func (w *fixture) loaderOf(truth seats.Truth) *seats.Loader {
	return seats.NewLoader(w.Orders(), truth, w.Catalogue(), w.Groups(), w.Meter("test"), seats.LoaderOptions{
		Wait: func(_ context.Context, d time.Duration) error { w.waits(d); return nil }, Now: w.Now,
	})
}

func (w *fixture) put(t *testing.T, o order.Order) order.Order {
	t.Helper()
	ordertest.Put(t, w.Rows, o)
	return o
}

// update writes the next version of a row.
func (w *fixture) update(t *testing.T, before, after order.Order) {
	t.Helper()
	if err := w.Rows.Update(t.Context(), before, after); err != nil {
		t.Fatal(err)
	}
}

// ensure has the group loaded.
func (w *fixture) ensure(t *testing.T) {
	t.Helper()
	if err := w.loader().Ensure(t.Context(), v1(group)); err != nil {
		t.Fatal(err)
	}
}

// rebuild handles a RebuildGroup.
func (w *fixture) rebuild(t *testing.T) error {
	t.Helper()
	h := seats.Rebuild{Concerts: w.Catalogue(), Groups: w.Seats()}
	return h.Handle(t.Context(), message.RebuildGroup{ConcertID: group.ConcertID, Group: group.Group, CommandID: "c-1"})
}

func TestAGroupIsLoadedFromTicketsAndOpenRows(t *testing.T) {
	w := newFixture()
	w.Rows.PutTicket(group, "A-1-1", "sold-order")
	open := w.put(t, ordertest.HeldOrder(ordertest.Placed(group, "A-1-3", "A-1-4")))
	over := ordertest.HeldOrder(ordertest.Placed(group, "A-1-2"))
	w.put(t, over)
	expired, err := over.Expire(order.Cause{Kind: message.KindExpireHold, At: over.ExpiresFrom()})
	if err != nil {
		t.Fatal(err)
	}
	w.update(t, over, expired)

	w.ensure(t)
	state := w.Holds.Inspect(group)
	if !state.Loaded || state.Lock != 0 || state.Revision.Epoch != 1 {
		t.Errorf("loaded %v, lock %d, revision %s", state.Loaded, state.Lock, state.Revision)
	}
	w.WantPlaces(t, group, world.SoldTo("sold-order"), world.Free, world.HeldBy(open.OrderID), world.HeldBy(open.OrderID))
	for place, want := range []seatstate.State{seatstate.Sold, seatstate.Free, seatstate.Held, seatstate.Held} {
		if got := state.Map.At(place); got != want {
			t.Errorf("place %d of the map is %d, want %d", place, got, want)
		}
	}
	record := state.Records[open.OrderID]
	if record.Version != 1 || record.Hash != open.RequestHash {
		t.Errorf("the record has version %d and hash %s, want 1 and %s", record.Version, record.Hash, open.RequestHash)
	}
	expires, lapses := open.HoldExpiresAt, open.HoldExpiresAt.Add(seatstate.LapseAfter)
	if record.HoldExpiresAt != expires || record.Lapses != lapses {
		t.Errorf("the hold expires at %s and lapses at %s, want %s and %s", record.HoldExpiresAt, record.Lapses, expires, lapses)
	}
}

// The seats of an open row stay held past the end of its hold, until its row has ended.
func TestAnOpenRowPastItsEndIsStillHeld(t *testing.T) {
	w := newFixture()
	open := w.put(t, ordertest.HeldOrder(ordertest.Placed(group, "A-1-1")))
	w.SetTime(open.HoldExpiresAt.Add(time.Hour))
	w.ensure(t)
	state := w.Holds.Inspect(group)
	if got := state.Entries[0].Lapses; got != w.Instant().Add(seatstate.LapseAfter) {
		t.Errorf("lapses at %s, want %s", got, w.Instant().Add(seatstate.LapseAfter))
	}
}

// The index lags: a row that only the second read returns is held too.
func TestTheIndexIsReadTwice(t *testing.T) {
	w := newFixture()
	var waited []time.Duration
	w.waits = func(d time.Duration) {
		waited = append(waited, d)
		w.put(t, ordertest.HeldOrder(ordertest.Placed(group, "A-1-2")))
	}
	w.ensure(t)
	if len(waited) != 1 || waited[0] != time.Second || w.Holds.Inspect(group).Map.At(1) != seatstate.Held {
		t.Errorf("waited %v, map %v", waited, w.Holds.Inspect(group).Map)
	}
}

func TestALoaderWithoutTheLockIsRetriedSoon(t *testing.T) {
	w := newFixture()
	if locked, err := w.Holds.Lock(t.Context(), group, 99, time.Minute); !locked || err != nil {
		t.Fatal(locked, err)
	}
	err := w.loader().Ensure(t.Context(), v1(group))
	if !errors.Is(err, seats.ErrBusy) {
		t.Fatalf("the load returns %v, want ErrBusy", err)
	}
	if o := world.WantRetryable(t, err); o.After != time.Second {
		t.Errorf("it is retried after %s, want 1s", o.After)
	}
	if w.Holds.Inspect(group).Loaded {
		t.Error("the group was loaded without the lock")
	}
}

// A loader that fails gives its lock back, so that others do not wait for it.
func TestAFailedLoadGivesTheLockBack(t *testing.T) {
	w := newFixture()
	ctx, cancel := context.WithCancel(t.Context())
	r := seats.NewLoader(w.Orders(), w.Orders(), w.Catalogue(), w.Groups(), nil, seats.LoaderOptions{
		Wait: func(ctx context.Context, _ time.Duration) error {
			cancel()
			return ctx.Err()
		},
	})
	if err := r.Ensure(ctx, v1(group)); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if state := w.Holds.Inspect(group); state.Loaded || state.Lock != 0 {
		t.Errorf("loaded %v, lock %d", state.Loaded, state.Lock)
	}
}

// A loader that was frozen past its lock carries an old token: its load is refused, and what the other loader wrote stays.
func TestALateLoaderIsRefused(t *testing.T) {
	w := newFixture()
	w.waits = func(time.Duration) {
		w.waits = func(time.Duration) {}
		w.Advance(11 * time.Second) // the lock has ended
		w.ensure(t)
		if _, err := holdtest.Hold(t.Context(), w.Holds, v1(group), holds.Ask{Order: "late", Hash: "h", Places: []int{0}}); err != nil {
			t.Fatal(err)
		}
	}
	w.ensure(t)
	state := w.Holds.Inspect(group)
	if state.Revision.Epoch != 2 || state.Map.At(0) != seatstate.Held {
		t.Errorf("revision %s, map %v: the late load overwrote the group", state.Revision, state.Map)
	}
}

func TestALoadIsNotBegunWithTooLittleTime(t *testing.T) {
	w := newFixture()
	ctx, cancel := context.WithDeadline(t.Context(), w.Instant().Add(1200*time.Millisecond).Time())
	defer cancel()
	err := w.loader().Ensure(context.WithoutCancel(ctx), v1(group))
	if err != nil {
		t.Fatalf("without a deadline: %v", err)
	}
	w = newFixture()
	// The deadline is one of the test's clock, so that the context is not done.
	if err := w.loader().Ensure(deadlineOnly{t.Context(), w.Instant().Add(1200 * time.Millisecond).Time()}, v1(group)); !errors.Is(err, seats.ErrNoTime) {
		t.Errorf("got %v", err)
	}
	if err := w.loader().Ensure(deadlineOnly{t.Context(), w.Instant().Add(1400 * time.Millisecond).Time()}, v1(group)); err != nil {
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
	w := newFixture()
	w.put(t, ordertest.HeldOrder(ordertest.Placed(group, "A-9-9")))
	world.WantOutcome(t, w.loader().Ensure(t.Context(), v1(group)), retry.ClassPoison, "unknown_seat")
}

func TestStoreMakesTheCallAgainOnceTheGroupIsLoaded(t *testing.T) {
	w := newFixture()
	for _, want := range []int{2, 3} {
		if err := w.Seats().Ensure(t.Context(), v1(group)); err != nil || w.Count(world.Loaded) != want {
			t.Errorf("%d calls, want %d, %v", w.Count(world.Loaded), want, err)
		}
	}
	// If the group is missing each time, the call is given up.
	w.ForgetCalls()
	w.Down(holds.ErrNotLoaded, world.Loaded)
	if err := w.Seats().Ensure(t.Context(), v1(group)); !errors.Is(err, holds.ErrNotLoaded) || w.Count(world.Loaded) != 3 {
		t.Errorf("%d calls, want 3, %v", w.Count(world.Loaded), err)
	}
}

func TestRebuildGroup(t *testing.T) {
	w := newFixture()
	for range 2 {
		world.WantDone(t, w.rebuild(t))
	}
	if epoch := w.Holds.Inspect(group).Revision.Epoch; epoch != 1 {
		t.Errorf("epoch %d: a group that is there was loaded again", epoch)
	}
}

// Whichever call of a load fails, before its effect or after it: after the next try the group is loaded from rows and tickets, and
// its lock is free.
func TestALoadAfterAFailedOneIsComplete(t *testing.T) {
	calls := func() []world.Call {
		w := newFixture()
		w.ensure(t)
		return w.Calls()
	}()
	for n, c := range calls {
		for _, fault := range []world.Fault{world.Fails(world.Any).Nth(n + 1), world.LosesAnswer(world.Any).Nth(n + 1)} {
			t.Run(fmt.Sprintf("%s, which is %s", fault, c), func(t *testing.T) {
				w := newFixture()
				open := w.put(t, ordertest.HeldOrder(ordertest.Placed(group, "A-1-3")))
				w.Inject(fault)
				if err := w.loader().Ensure(t.Context(), v1(group)); err == nil || len(w.Heal()) > 0 {
					t.Errorf("the load returns %v, want the failure", err)
				}
				w.Advance(11 * time.Second) // a lock whose answer was lost ends
				if err := w.Seats().Ensure(t.Context(), v1(group)); err != nil {
					t.Fatal(err)
				}
				w.WantPlaces(t, group, world.Free, world.Free, world.HeldBy(open.OrderID))
				if lock := w.Holds.Inspect(group).Lock; lock != 0 {
					t.Errorf("the lock still has the token %d", lock)
				}
			})
		}
	}
}
