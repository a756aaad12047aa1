// Package seats gives handlers access to the seat groups in Redis: Store, whose calls load a missing group; Places for the seats
// of a row; Keep for the hold of an open row; Ending for an order that has ended without a ticket; and TellSeatLost for orders
// whose seat a sale has displaced.
//
// It guarantees that a call of a Store that finds its group missing loads it and is made again, so no handler can take a missing
// group for one whose seats are free. It needs Redis (Holds, Loads), and DynamoDB to load groups from (Truth, Tokens, Catalogue).
package seats

import (
	"context"
	"errors"
	"fmt"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// Holds is the seat groups in Redis. Each call is atomic for its group, may be repeated at any time, and is safe for concurrent
// use. It blocks no longer than its context allows. It returns holds.ErrNotLoaded if the group is not loaded in the layout
// version of the call; after any other error, the call may have taken effect.
type Holds interface {
	// Hold decides a run of orders in their order. It returns one answer per ask.
	Hold(ctx context.Context, g seatstate.GroupVersion, run holds.Run) ([]holds.Answer, error)
	// Keep makes the hold of an open row exactly what the row says: its seats and its times.
	Keep(ctx context.Context, g seatstate.GroupVersion, k holds.Kept) (holds.Applied, error)
	// Sell marks places as sold to an order, under the version of its row.
	Sell(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Sale, error)
	// Restore frees places that were sold to an order and that it no longer owns.
	Restore(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Release, error)
	// Release frees the places that the order holds, never those that are sold, and ends its record under the version of its
	// row. Layout version 0 means the version that is loaded.
	Release(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, version int) (holds.Release, error)
	// Forward records that the order is sent on to another group, unless the group has a record of the order: then it returns
	// that record, for example its hold. With holds.Nowhere it records nothing.
	Forward(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, hash string, to holds.Forwarding) (holds.Answer, error)
	// Maps returns the map of each group, in the order of the groups. Each map is consistent in itself. A group that is not loaded
	// in this layout version has a map that is not Loaded, and is not an error. If some groups cannot be read, the error is a
	// *holds.UnreadError, and the maps of the others are returned with it.
	Maps(ctx context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error)
	// Loaded returns nil if the group is loaded.
	Loaded(ctx context.Context, g seatstate.GroupVersion) error
}

// Ensurer loads groups. It is safe for concurrent use.
type Ensurer interface {
	// Ensure loads the group, unless it is loaded in this layout version. A nil error means that a call that returned
	// holds.ErrNotLoaded may be made again.
	Ensure(ctx context.Context, g seatstate.GroupVersion) error
}

// Store is Holds whose calls load a missing group and are then made again. It is safe for concurrent use. A load takes more than
// a second. While another handler loads the group, calls return a retryable error that asks for a delay of about a second.
type Store struct {
	holds  Holds
	loader Ensurer
}

// NewStore returns a Store.
func NewStore(h Holds, l Ensurer) *Store { return &Store{holds: h, loader: l} }

// maxLoads bounds how often one call loads its group: if Redis loses a group twice within one call, it is not healthy enough to
// continue.
const maxLoads = 2

// loadAndCall makes a call to a seat group. If the group is missing, it loads the group and makes the call again.
func loadAndCall[T any](ctx context.Context, s *Store, g seatstate.GroupVersion, call func() (T, error)) (result T, err error) {
	for range maxLoads {
		if result, err = call(); !errors.Is(err, holds.ErrNotLoaded) {
			return result, err
		}
		if err = s.loader.Ensure(ctx, g); err != nil {
			return result, err
		}
	}
	return call()
}

// Ensure implements Ensurer.
func (s *Store) Ensure(ctx context.Context, g seatstate.GroupVersion) error {
	_, err := loadAndCall(ctx, s, g, func() (struct{}, error) { return struct{}{}, s.holds.Loaded(ctx, g) })
	return err
}

// Hold is Holds.Hold. It returns an error if the number of answers is not that of the asks.
func (s *Store) Hold(ctx context.Context, g seatstate.GroupVersion, run holds.Run) ([]holds.Answer, error) {
	answers, err := loadAndCall(ctx, s, g, func() ([]holds.Answer, error) { return s.holds.Hold(ctx, g, run) })
	if err == nil && len(answers) != len(run.Asks) {
		err = fmt.Errorf("%d answers to %d asks", len(answers), len(run.Asks))
	}
	return answers, err
}

// Keep is Holds.Keep.
func (s *Store) Keep(ctx context.Context, g seatstate.GroupVersion, k holds.Kept) (holds.Applied, error) {
	return loadAndCall(ctx, s, g, func() (holds.Applied, error) { return s.holds.Keep(ctx, g, k) })
}

// Sell is Holds.Sell.
func (s *Store) Sell(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Sale, error) {
	return loadAndCall(ctx, s, g, func() (holds.Sale, error) { return s.holds.Sell(ctx, g, id, places, version) })
}

// Restore is Holds.Restore.
func (s *Store) Restore(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Release, error) {
	return loadAndCall(ctx, s, g, func() (holds.Release, error) { return s.holds.Restore(ctx, g, id, places, version) })
}

// Release is Holds.Release.
func (s *Store) Release(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, version int) (holds.Release, error) {
	return loadAndCall(ctx, s, g, func() (holds.Release, error) { return s.holds.Release(ctx, g, id, version) })
}

// Forward is Holds.Forward.
func (s *Store) Forward(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, hash string, to holds.Forwarding) (holds.Answer, error) {
	return loadAndCall(ctx, s, g, func() (holds.Answer, error) { return s.holds.Forward(ctx, g, id, hash, to) })
}

// Map returns the map of one group. It loads the group if it is missing.
func (s *Store) Map(ctx context.Context, g seatstate.GroupVersion) (seatstate.Snapshot, error) {
	return loadAndCall(ctx, s, g, func() (seatstate.Snapshot, error) {
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

// Maps is Holds.Maps. It loads no group: the caller compares several groups, and then uses one of them.
func (s *Store) Maps(ctx context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error) {
	return s.holds.Maps(ctx, groups)
}
