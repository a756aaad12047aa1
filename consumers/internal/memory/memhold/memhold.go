// Package memhold keeps the holds of seat groups in memory. It is the readable specification of redishold's scripts, and
// the store of holds in simulations. holdtest checks that both give the same answers and the same state after every call.
//
// It is written to be read, not to be fast: a call reads all orders of its group.
package memhold

import (
	"cmp"
	"context"
	"sync"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// Options configures a Store.
type Options struct {
	// HoldFor is the length of a hold, at least 1 ms.
	HoldFor time.Duration
	// LapseAfter is how long after its end a hold lapses that was not released. Default seatstate.LapseAfter.
	LapseAfter time.Duration
}

// Store keeps holds in memory. It is safe for concurrent use; each call is atomic. Its errors are those of redishold's
// Store, but no result is ever unknown.
type Store struct {
	now func() contracts.Instant
	o   Options

	mu     sync.Mutex
	groups map[contracts.SeatGroup]*group
	locks  map[contracts.SeatGroup]lock
}

type lock struct {
	token int64
	until contracts.Instant
}

// New makes an empty Store: no group is loaded. now is the store's clock and must not go back.
func New(now func() contracts.Instant, o Options) *Store {
	o.LapseAfter = cmp.Or(o.LapseAfter, seatstate.LapseAfter)
	return &Store{now: now, o: o, groups: map[contracts.SeatGroup]*group{}, locks: map[contracts.SeatGroup]lock{}}
}

// Hold decides the orders of a run one after another, each as if it came alone. See holds.Outcome. It stores no lag, which
// only readers of Redis use.
func (s *Store) Hold(_ context.Context, g seatstate.GroupVersion, run holds.Run) ([]holds.Answer, error) {
	if err := run.Validate(); err != nil {
		return nil, invalid(err)
	}
	var places []int
	for _, ask := range run.Asks {
		places = append(places, ask.Places...)
	}
	var answers []holds.Answer
	err := s.call(g, places, func(grp *group, now contracts.Instant) { answers = grp.holdRun(run.Asks, now, s.o) })
	return answers, err
}

// Forward records that an order was sent on to another group, unless it holds something here. With holds.Nowhere it only
// returns what is known of the order.
func (s *Store) Forward(_ context.Context, g seatstate.GroupVersion, id contracts.OrderID, hash string, to holds.Forwarding) (holds.Answer, error) {
	if err := holds.ValidForwarding(id, hash, to); err != nil {
		return holds.Answer{}, invalid(err)
	}
	var answer holds.Answer
	err := s.call(g, nil, func(grp *group, now contracts.Instant) {
		answer = grp.forward(id, hash, to, now)
		answer.At = now
	})
	return answer, err
}

// Keep makes the hold of an open row what the row says. See holds.Applied.
func (s *Store) Keep(_ context.Context, g seatstate.GroupVersion, k holds.Kept) (holds.Applied, error) {
	if err := k.Validate(); err != nil {
		return "", invalid(err)
	}
	var applied holds.Applied
	err := s.call(g, k.Places, func(grp *group, now contracts.Instant) { applied = grp.keep(k, now, s.o) })
	return applied, err
}

// Sell makes places an order's own, under its row's version. See holds.Sale.
func (s *Store) Sell(_ context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Sale, error) {
	if err := holds.ValidSale(id, places, version); err != nil {
		return holds.Sale{}, invalid(err)
	}
	var sale holds.Sale
	err := s.call(g, places, func(grp *group, _ contracts.Instant) { sale = grp.sell(id, places, version) })
	return sale, err
}

// Restore frees places that were sold to an order or held by it, under its row's version.
func (s *Store) Restore(_ context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Release, error) {
	if err := holds.ValidSale(id, places, version); err != nil {
		return holds.Release{}, invalid(err)
	}
	var released holds.Release
	err := s.call(g, places, func(grp *group, now contracts.Instant) {
		released = grp.restore(id, places, version, now)
		released.At = now
	})
	return released, err
}

// Sweep ends at most seatstate.SweepLimit orders whose hold has lapsed, and returns how many are left.
func (s *Store) Sweep(_ context.Context, g seatstate.GroupVersion) (left int, err error) {
	err = s.call(g, nil, func(grp *group, now contracts.Instant) {
		for _, record := range grp.orders {
			if record.State == seatstate.RecordHeld && record.Lapses <= now {
				left++
			}
		}
	})
	return left, err
}

// call sweeps a loaded group and runs op on it, in one atomic call. It returns an error and does neither if the group is not
// loaded or one of places is outside of it.
func (s *Store) call(g seatstate.GroupVersion, places []int, op func(grp *group, now contracts.Instant)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	grp, err := s.loaded(g)
	if err != nil {
		return err
	}
	if err := grp.inside(g, places); err != nil {
		return err
	}
	grp.change(func() {
		grp.sweep(now)
		op(grp, now)
	})
	return nil
}

// Maps returns the maps of groups. One that is loaded in another layout version is returned as not loaded.
func (s *Store) Maps(_ context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error) {
	maps := make([]seatstate.Snapshot, len(groups))
	for i, g := range groups {
		if state := s.Inspect(g.SeatGroup); state.Loaded && state.Revision.LayoutVersion == g.LayoutVersion {
			maps[i] = seatstate.Snapshot{Loaded: true, Revision: state.Revision, Map: state.Map}
		}
	}
	return maps, nil
}

// Release frees what the order holds, never what was sold to it, and ends its record under the row's version. Layout
// version 0 means the version in which the group is loaded: see order.Order.GroupVersion.
func (s *Store) Release(_ context.Context, g seatstate.GroupVersion, order contracts.OrderID, version int) (holds.Release, error) {
	if err := holds.ValidRelease(order, version); err != nil {
		return holds.Release{}, invalid(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	grp, err := s.loadedForRelease(g)
	if err != nil {
		return holds.Release{}, err
	}
	var released holds.Release
	grp.change(func() {
		grp.sweep(now)
		if record := grp.orders[order]; record.Version > version {
			released.Stale = true
		} else {
			record.Version = version
			grp.orders[order] = record
			released.Freed = grp.end(order, now)
		}
	})
	released.At = now
	return released, nil
}

// invalid marks an error as poison: another attempt would get it again.
func invalid(err error) error {
	return retry.Poison("invalid_hold", err)
}
