package world

import (
	"context"
	"errors"
	"slices"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/seats"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// Groups is the port of seat groups in Redis, over Holds. Its calls are about the group's key, and the order if there is one.
type Groups struct{ w *World }

// Groups returns the port of seat groups in Redis.
func (w *World) Groups() Groups { return Groups{w} }

// Seats returns the seats.Store that handlers use: the port Groups, with Loader for a group that is missing.
func (w *World) Seats() *seats.Store { return seats.NewStore(w.Groups(), w.Loader()) }

// Loader returns a seats.Loader that waits for nothing. It goes by the port of the catalogue and by the stores themselves, so
// that a load meets no fault of the calls of a handler.
func (w *World) Loader() *seats.Loader {
	return seats.NewLoader(w.Rows, w.Rows, w.Catalogue(), w.Holds, nil, seats.LoaderOptions{
		Wait: func(context.Context, time.Duration) error { return nil },
	})
}

// Hold is memhold.Store.Hold.
func (p Groups) Hold(ctx context.Context, g seatstate.GroupVersion, run holds.Run) ([]holds.Answer, error) {
	about := []string{g.Key()}
	for _, ask := range run.Asks {
		about = append(about, string(ask.Order))
	}
	return Do(p.w, Hold, about, func() ([]holds.Answer, error) { return p.w.Holds.Hold(ctx, g, run) })
}

// Keep is memhold.Store.Keep.
func (p Groups) Keep(ctx context.Context, g seatstate.GroupVersion, k holds.Kept) (holds.Applied, error) {
	return Do(p.w, Keep, []string{g.Key(), string(k.Order)}, func() (holds.Applied, error) { return p.w.Holds.Keep(ctx, g, k) })
}

// Sell is memhold.Store.Sell.
func (p Groups) Sell(
	ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int,
) (holds.Sale, error) {
	return Do(p.w, Sell, []string{g.Key(), string(id)}, func() (holds.Sale, error) {
		return p.w.Holds.Sell(ctx, g, id, places, version)
	})
}

// Restore is memhold.Store.Restore.
func (p Groups) Restore(
	ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int,
) (holds.Release, error) {
	return Do(p.w, Restore, []string{g.Key(), string(id)}, func() (holds.Release, error) {
		return p.w.Holds.Restore(ctx, g, id, places, version)
	})
}

// Release is memhold.Store.Release.
func (p Groups) Release(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, version int) (holds.Release, error) {
	return Do(p.w, Release, []string{g.Key(), string(id)}, func() (holds.Release, error) {
		return p.w.Holds.Release(ctx, g, id, version)
	})
}

// Forward is memhold.Store.Forward.
func (p Groups) Forward(
	ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, hash string, to holds.Forwarding,
) (holds.Answer, error) {
	return Do(p.w, Forward, []string{g.Key(), string(id)}, func() (holds.Answer, error) {
		return p.w.Holds.Forward(ctx, g, id, hash, to)
	})
}

// Maps is memhold.Store.Maps. The maps of Unread groups are empty, and a *holds.UnreadError names them.
func (p Groups) Maps(ctx context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error) {
	var about []string
	for _, g := range groups {
		about = append(about, g.Key())
	}
	return Do(p.w, Maps, about, func() ([]seatstate.Snapshot, error) {
		maps, err := p.w.Holds.Maps(ctx, groups)
		var unread []contracts.SeatGroup
		for i, g := range groups {
			if slices.Contains(p.w.Unread, g.SeatGroup) {
				maps[i], unread = seatstate.Snapshot{}, append(unread, g.SeatGroup)
			}
		}
		if len(unread) > 0 {
			err = errors.Join(err, &holds.UnreadError{Groups: unread, Err: errors.New("connection refused")})
		}
		return maps, err
	})
}

// Loaded is memhold.Store.Loaded.
func (p Groups) Loaded(ctx context.Context, g seatstate.GroupVersion) error {
	return do(p.w, Loaded, []string{g.Key()}, func() error { return p.w.Holds.Loaded(ctx, g) })
}

// Lock is memhold.Store.Lock.
func (p Groups) Lock(ctx context.Context, g contracts.SeatGroup, token int64, ttl time.Duration) (bool, error) {
	return Do(p.w, Lock, []string{g.Key()}, func() (bool, error) { return p.w.Holds.Lock(ctx, g, token, ttl) })
}

// Unlock is memhold.Store.Unlock.
func (p Groups) Unlock(ctx context.Context, g contracts.SeatGroup, token int64) error {
	return do(p.w, Unlock, []string{g.Key()}, func() error { return p.w.Holds.Unlock(ctx, g, token) })
}

// Load is memhold.Store.Load.
func (p Groups) Load(ctx context.Context, g seatstate.GroupVersion, l holds.Load) error {
	return do(p.w, Load, []string{g.Key()}, func() error { return p.w.Holds.Load(ctx, g, l) })
}

// Sweep is memhold.Store.Sweep.
func (p Groups) Sweep(ctx context.Context, g seatstate.GroupVersion) (int, error) {
	return Do(p.w, Sweep, []string{g.Key()}, func() (int, error) { return p.w.Holds.Sweep(ctx, g) })
}

// State is memhold.Store.State.
func (p Groups) State(ctx context.Context, g seatstate.GroupVersion) (holds.State, error) {
	return Do(p.w, State, []string{g.Key()}, func() (holds.State, error) { return p.w.Holds.State(ctx, g) })
}

// Repair is memhold.Store.Repair.
func (p Groups) Repair(ctx context.Context, g seatstate.GroupVersion, epoch int64, changes []holds.Change) (holds.Repaired, error) {
	return Do(p.w, Repair, []string{g.Key()}, func() (holds.Repaired, error) {
		return p.w.Holds.Repair(ctx, g, epoch, changes)
	})
}
