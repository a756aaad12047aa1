package rebuild

import (
	"context"
	"fmt"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// Layouts answers which seats a group has. A layout version never changes.
type Layouts interface {
	LayoutGroup(ctx context.Context, concertID string, version int, group string) (readmodel.LayoutGroup, error)
}

// Places of seats of a row, in their order. A seat that the row's layout does not have breaks an invariant, and no attempt
// cures it.
func Places(ctx context.Context, l Layouts, row order.Order, seats []string) ([]int, error) {
	layout, err := l.LayoutGroup(ctx, row.ConcertID, row.LayoutVersion, row.Group)
	if err != nil {
		return nil, fmt.Errorf("layout: %w", err)
	}
	places, unknown, ok := layout.Places(seats)
	if !ok {
		return nil, &retry.PoisonError{Reason: "unknown_seat", Err: fmt.Errorf("seat %q is not in layout %d", unknown, row.LayoutVersion)}
	}
	return places, nil
}

// Keeper makes the hold of an open row again where it is missing.
type Keeper interface {
	Keep(ctx context.Context, g seatstate.GroupVersion, k holds.Kept) (holds.Applied, error)
}

// Keep makes the hold of an open row again as the row has it.
func Keep(ctx context.Context, k Keeper, l Loader, layouts Layouts, row order.Order) (applied holds.Applied, err error) {
	places, err := Places(ctx, layouts, row, row.Seats)
	if err != nil {
		return "", err
	}
	err = Loaded(ctx, l, row.GroupVersion(), func() (err error) {
		applied, err = k.Keep(ctx, row.GroupVersion(), holds.Kept{
			Ask:     holds.Ask{Order: row.OrderID, Hash: row.RequestHash, Places: places},
			Version: row.Version, HeldAt: row.HeldAt, ExpiresAt: row.HoldExpiresAt,
		})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("keep: %w", err)
	}
	return applied, nil
}
