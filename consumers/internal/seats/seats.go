// Package seats is a seat group in Redis as handlers use it: a Store whose calls load a group that is missing, Places for the
// seats of a row, Keep for the hold of an open row, Ending for an order that has ended without a ticket, and TellSeatLost for
// orders that a sale displaced.
//
// A handler that goes through a Store never sees holds.ErrNotLoaded, so that no caller can take a missing group for a free one.
package seats

import (
	"context"
	"errors"
	"fmt"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// Holds is the groups in Redis. Each call is atomic, may be repeated at any time and by several callers at once, and returns
// holds.ErrNotLoaded when the group is not in Redis in the layout version that is named.
type Holds interface {
	// Hold decides a run of orders, one answer an ask, in one call.
	Hold(ctx context.Context, g seatstate.GroupVersion, run holds.Run) ([]holds.Answer, error)
	// Keep makes the hold of an open row what the row says: its seats, no other, and its times.
	Keep(ctx context.Context, g seatstate.GroupVersion, k holds.Kept) (holds.Applied, error)
	// Sell sells places to an order under its row's version.
	Sell(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Sale, error)
	// Restore frees places that an order had and does not own any more.
	Restore(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Release, error)
	// Release frees what is held by the order, never what is sold, and ends its record under the row's version. Layout
	// version 0 is whichever is loaded.
	Release(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, version int) (holds.Release, error)
	// Forward notes that the order was sent on, unless it holds something here: then it returns that hold. With
	// holds.Nowhere it only returns what is known of the order.
	Forward(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, hash string, to holds.Forwarding) (holds.Answer, error)
	// Maps returns the maps of groups, each of one instant, in the order of the groups. A group that is not loaded in this
	// layout version has a map that is not Loaded; it is no error. A *holds.UnreadError is returned beside the maps that were
	// read.
	Maps(ctx context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error)
	// Loaded returns nil when the group is there.
	Loaded(ctx context.Context, g seatstate.GroupVersion) error
}

// Ensurer loads a group if it is not there in the layout version that is named. A nil error means that the call that returned
// holds.ErrNotLoaded may be made again.
type Ensurer interface {
	Ensure(ctx context.Context, g seatstate.GroupVersion) error
}

// Store is Holds that loads a missing group and then makes the call again. A load takes over a second; while another handler
// loads the group, calls return an error that is retryable after about a second. It is safe for concurrent use.
type Store struct {
	holds  Holds
	loader Ensurer
}

// NewStore returns a Store over the groups in Redis.
func NewStore(h Holds, l Ensurer) *Store { return &Store{holds: h, loader: l} }

// maxLoads bounds how often one call loads its group: a Redis that loses a group twice within a call is not healthy enough to
// go on.
const maxLoads = 2

// loading makes a call to a seat group, and loads the group first where it is missing.
func loading[T any](ctx context.Context, s *Store, g seatstate.GroupVersion, call func() (T, error)) (answer T, err error) {
	for range maxLoads {
		if answer, err = call(); !errors.Is(err, holds.ErrNotLoaded) {
			return answer, err
		}
		if err = s.loader.Ensure(ctx, g); err != nil {
			return answer, err
		}
	}
	return call()
}

// Ensure loads the group if it is not there.
func (s *Store) Ensure(ctx context.Context, g seatstate.GroupVersion) error {
	_, err := loading(ctx, s, g, func() (struct{}, error) { return struct{}{}, s.holds.Loaded(ctx, g) })
	return err
}

// Hold is Holds.Hold.
func (s *Store) Hold(ctx context.Context, g seatstate.GroupVersion, run holds.Run) ([]holds.Answer, error) {
	answers, err := loading(ctx, s, g, func() ([]holds.Answer, error) { return s.holds.Hold(ctx, g, run) })
	if err == nil && len(answers) != len(run.Asks) {
		err = fmt.Errorf("%d answers to %d asks", len(answers), len(run.Asks))
	}
	return answers, err
}

// Keep is Holds.Keep.
func (s *Store) Keep(ctx context.Context, g seatstate.GroupVersion, k holds.Kept) (holds.Applied, error) {
	return loading(ctx, s, g, func() (holds.Applied, error) { return s.holds.Keep(ctx, g, k) })
}

// Sell is Holds.Sell.
func (s *Store) Sell(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Sale, error) {
	return loading(ctx, s, g, func() (holds.Sale, error) { return s.holds.Sell(ctx, g, id, places, version) })
}

// Restore is Holds.Restore.
func (s *Store) Restore(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Release, error) {
	return loading(ctx, s, g, func() (holds.Release, error) { return s.holds.Restore(ctx, g, id, places, version) })
}

// Release is Holds.Release.
func (s *Store) Release(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, version int) (holds.Release, error) {
	return loading(ctx, s, g, func() (holds.Release, error) { return s.holds.Release(ctx, g, id, version) })
}

// Forward is Holds.Forward.
func (s *Store) Forward(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, hash string, to holds.Forwarding) (holds.Answer, error) {
	return loading(ctx, s, g, func() (holds.Answer, error) { return s.holds.Forward(ctx, g, id, hash, to) })
}

// Map returns the map of one group, which it loads where it is missing.
func (s *Store) Map(ctx context.Context, g seatstate.GroupVersion) (seatstate.Snapshot, error) {
	return loading(ctx, s, g, func() (seatstate.Snapshot, error) {
		maps, err := s.holds.Maps(ctx, []seatstate.GroupVersion{g})
		switch {
		case err != nil:
			return seatstate.Snapshot{}, err
		case !maps[0].Loaded:
			return seatstate.Snapshot{}, holds.ErrNotLoaded
		default:
			return maps[0], nil
		}
	})
}

// Maps is Holds.Maps. It loads no group: the caller compares groups and asks for one of them afterwards.
func (s *Store) Maps(ctx context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error) {
	return s.holds.Maps(ctx, groups)
}
