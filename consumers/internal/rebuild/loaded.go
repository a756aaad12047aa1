package rebuild

import (
	"context"
	"errors"
	"fmt"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// loads bounds how often one call loads its group: a Redis that loses a group twice within a call is not healthy
// enough to go on.
const loads = 2

// Loaded makes a call to a seat group, and where the group is not loaded in its layout version, loads it and makes the call
// again.
func Loaded(ctx context.Context, l Loader, g seatstate.GroupVersion, call func() error) error {
	for range loads {
		err := call()
		if !errors.Is(err, holds.ErrNotLoaded) {
			return err
		}
		if err := l.Ensure(ctx, g); err != nil {
			return err
		}
	}
	return call()
}

// Releaser gives seats back: frees what is held by the order, never what is sold. Layout version 0 is whichever is loaded.
type Releaser interface {
	Release(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, version int) (holds.Release, error)
}

// Release gives back what a group holds for an order, under its row's version.
func Release(ctx context.Context, r Releaser, l Loader, g seatstate.GroupVersion, id contracts.OrderID, version int) error {
	err := Loaded(ctx, l, g, func() error {
		_, err := r.Release(ctx, g, id, version)
		return err
	})
	if err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}
