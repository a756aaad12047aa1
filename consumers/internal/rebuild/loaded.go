package rebuild

import (
	"context"
	"errors"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
)

// loads bounds how often one call loads its group: a Redis that loses a group twice within a call is not healthy
// enough to go on.
const loads = 2

// Loaded makes a call to a seat group, and where the group is not loaded, loads it and makes the call again.
func Loaded(ctx context.Context, l Loader, g contracts.SeatGroup, call func() error) error {
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
