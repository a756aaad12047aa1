// Package holdtest is the conformance suite of the stores of holds. Exercise checks named promises one by one; Agree
// compares a store with memhold, the specification, over random calls. It is for tests only.
package holdtest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/memory/memhold"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// Store has all methods of a store of holds that handlers use.
type Store interface {
	Hold(ctx context.Context, g seatstate.GroupVersion, run holds.Run) ([]holds.Answer, error)
	Release(ctx context.Context, g seatstate.GroupVersion, order contracts.OrderID, version int) (holds.Release, error)
	Lock(ctx context.Context, g contracts.SeatGroup, token int64, ttl time.Duration) (bool, error)
	Forward(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, hash string, to holds.Forwarding) (holds.Answer, error)
	Keep(ctx context.Context, g seatstate.GroupVersion, k holds.Kept) (holds.Applied, error)
	Sell(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Sale, error)
	Restore(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Release, error)
	Repair(ctx context.Context, g seatstate.GroupVersion, epoch int64, changes []holds.Change) (holds.Repaired, error)
	State(ctx context.Context, g seatstate.GroupVersion) (holds.State, error)
	Sweep(ctx context.Context, g seatstate.GroupVersion) (left int, err error)
	Maps(ctx context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error)
	Unlock(ctx context.Context, g contracts.SeatGroup, token int64) error
	Load(ctx context.Context, g seatstate.GroupVersion, l holds.Load) error
	Loaded(ctx context.Context, g seatstate.GroupVersion) error
}

// Hold asks for one order.
func Hold(ctx context.Context, s interface {
	Hold(ctx context.Context, g seatstate.GroupVersion, run holds.Run) ([]holds.Answer, error)
}, g seatstate.GroupVersion, ask holds.Ask) (holds.Answer, error) {
	answers, err := s.Hold(ctx, g, holds.Run{Asks: []holds.Ask{ask}})
	if err != nil {
		return holds.Answer{}, err
	}
	return answers[0], nil
}

// State is the state of a group as a Backend reads it.
type State = memhold.State

// HoldFor is the length of a hold in every Backend; a hold lapses seatstate.LapseAfter later.
const HoldFor = 300 * time.Second

// Backend is a Store with a clock that stands still and access to its state.
type Backend interface {
	Store
	// Now is the store's clock, which only Advance moves.
	Now() contracts.Instant
	Advance(d time.Duration)
	// Inspect reads the state of a group without changing it.
	Inspect(ctx context.Context, g contracts.SeatGroup) (State, error)
	// Wipe deletes a group and its lock, as a Redis does that lost its memory.
	Wipe(ctx context.Context, g contracts.SeatGroup) error
}

// epoch is where the clocks of backends begin: an ordinary day, so that instants have the usual 13 digits.
const epoch = contracts.Instant(1_790_000_000_000)

// Clock stands still until it is advanced. It is safe for concurrent use.
type Clock struct{ at atomic.Int64 }

// NewClock begins on an ordinary day.
func NewClock() *Clock {
	c := &Clock{}
	c.at.Store(int64(epoch))
	return c
}

// Now is the instant of the clock.
func (c *Clock) Now() contracts.Instant { return contracts.Instant(c.at.Load()) }

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) { c.at.Add(d.Milliseconds()) }

// Memory is memhold as a Backend.
func Memory(*testing.T) Backend {
	clock := NewClock()
	return memory{Store: memhold.New(clock.Now, memhold.Options{HoldFor: HoldFor}), Clock: clock}
}

type memory struct {
	*memhold.Store
	*Clock
}

// Inspect implements Backend.
func (m memory) Inspect(_ context.Context, g contracts.SeatGroup) (State, error) {
	return m.Store.Inspect(g), nil
}

// Wipe implements Backend.
func (m memory) Wipe(_ context.Context, g contracts.SeatGroup) error {
	m.Store.Wipe(g)
	return nil
}

// Exercise runs the suite. newBackend makes a Backend in which the suite's groups are not loaded.
func Exercise(t *testing.T, newBackend func(t *testing.T) Backend) {
	for _, part := range []struct {
		name     string
		promises []promise
	}{
		{"hold", holdPromises}, {"run", runPromises}, {"forward", forwardPromises}, {"keep", keepPromises},
		{"sell", sellPromises}, {"release", releasePromises}, {"repair", repairPromises}, {"repair gives way", giveWayPromises},
		{"repair skips", skipPromises}, {"drift", driftPromises},
		{"lapse", lapsePromises}, {"load", loadPromises}, {"layout version", layoutPromises}, {"race", racePromises},
	} {
		t.Run(part.name, func(t *testing.T) {
			for _, p := range part.promises {
				t.Run(p.name, func(t *testing.T) { p.check(newFixture(t, newBackend(t))) })
			}
		})
	}
}

// promise is one sentence about every store, and its check.
type promise struct {
	name  string
	check func(f *fixture)
}

// fixture makes the calls of a test. After each it checks that the state is consistent and that the revision moved exactly
// as it should.
type fixture struct {
	*testing.T
	b     Backend
	g     seatstate.GroupVersion
	token int64
}

var groups atomic.Int64

// newGroup returns a group that no other test of this binary uses, since all of them share a Redis.
func newGroup() seatstate.GroupVersion {
	return seatstate.In(contracts.SeatGroup{ConcertID: "holdtest", Group: fmt.Sprintf("g%d", groups.Add(1))}, 2)
}

func newFixture(t *testing.T, b Backend) *fixture {
	return &fixture{T: t, b: b, g: newGroup()}
}

// seats loads the group with n free places.
func (f *fixture) seats(n int) { f.Helper(); f.load(holds.Load{Places: n}) }

// load takes the lock under the next token and loads the group.
func (f *fixture) load(l holds.Load) {
	f.Helper()
	f.token++
	l.Token = f.token
	f.lock(l.Token, true)
	if err := f.b.Load(f.Context(), f.g, l); err != nil {
		f.Fatalf("load: %v", err)
	}
	if s := f.state(); !s.Loaded || s.Revision != (seatstate.Revision{Epoch: f.token, Rev: 1, LayoutVersion: f.g.LayoutVersion}) || s.Lock != 0 {
		f.Fatalf("after a load under token %d: loaded %v, revision %v, lock %d", f.token, s.Loaded, s.Revision, s.Lock)
	}
}

func (f *fixture) unlock(token int64) {
	f.Helper()
	if err := f.b.Unlock(f.Context(), f.g.SeatGroup, token); err != nil {
		f.Fatalf("unlock %d: %v", token, err)
	}
}

func (f *fixture) lock(token int64, want bool) {
	f.Helper()
	got, err := f.b.Lock(f.Context(), f.g.SeatGroup, token, time.Hour)
	if err != nil || got != want {
		f.Fatalf("lock by token %d answered %v, %v; want %v", token, got, err, want)
	}
}

func (f *fixture) hold(order contracts.OrderID, places ...int) holds.Answer {
	f.Helper()
	return f.ask(holds.Ask{Order: order, Hash: "hash-" + string(order), Places: places})
}

func (f *fixture) ask(a holds.Ask) holds.Answer {
	f.Helper()
	var answer holds.Answer
	f.step(func() (err error) {
		answer, err = Hold(f.Context(), f.b, f.g, a)
		return err
	})
	if answer.At != f.b.Now() {
		f.Fatalf("hold was decided at %v, the store's clock says %v", answer.At, f.b.Now())
	}
	return answer
}

// held asks for places and checks that the order gets them.
func (f *fixture) held(order contracts.OrderID, places ...int) holds.Answer {
	f.Helper()
	a := f.hold(order, places...)
	f.outcome(a, holds.Held, places...)
	return a
}

func (f *fixture) outcome(a holds.Answer, want holds.Outcome, places ...int) {
	f.Helper()
	if a.Outcome != want || !slices.Equal(a.Places, places) {
		f.Fatalf("answer is %s%v, want %s%v", a.Outcome, a.Places, want, places)
	}
}

func (f *fixture) release(order contracts.OrderID, version int) holds.Release {
	f.Helper()
	var released holds.Release
	f.step(func() (err error) {
		released, err = f.b.Release(f.Context(), f.g, order, version)
		return err
	})
	return released
}

func (f *fixture) freed(order contracts.OrderID, version int, places ...int) {
	f.Helper()
	if r := f.release(order, version); r.Stale || !slices.Equal(r.Freed, places) {
		f.Fatalf("release of %s freed %v, stale %v; want %v", order, r.Freed, r.Stale, places)
	}
}

// step makes one call on a loaded group and compares the states before and after.
func (f *fixture) step(call func() error) {
	f.Helper()
	before := f.state()
	if err := call(); err != nil {
		f.Fatal(err)
	}
	if err := moved(before, f.state()); err != nil {
		f.Fatal(err)
	}
}

// unchanged makes a call and checks that the group stays as it is.
func (f *fixture) unchanged(call func()) {
	f.Helper()
	before := f.state()
	call()
	if after := f.state(); !reflect.DeepEqual(before, after) {
		f.Fatalf("the group was changed\nfrom %+v\nto   %+v", before, after)
	}
}

func (f *fixture) wantErr(err, want error) {
	f.Helper()
	if !errors.Is(err, want) {
		f.Fatalf("error is %v, want %v", err, want)
	}
}

func (f *fixture) state() State {
	f.Helper()
	s, err := f.b.Inspect(f.Context(), f.g.SeatGroup)
	if err == nil {
		err = Consistent(s)
	}
	if err != nil {
		f.Fatal(err)
	}
	return s
}

// holder returns the order of a place's entry, "" if it is free.
func (f *fixture) holder(place int) contracts.OrderID {
	f.Helper()
	return f.state().Entries[place].Order
}

func (f *fixture) wantHolder(order contracts.OrderID, places ...int) {
	f.Helper()
	for _, p := range places {
		if got := f.holder(p); got != order {
			f.Fatalf("place %d is %q's, want %q", p, got, order)
		}
	}
}
