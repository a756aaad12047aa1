package seats

import (
	"context"
	"fmt"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// Layouts reads layouts. A layout version never changes, so implementations may cache it. It is safe for concurrent use.
type Layouts interface {
	// LayoutGroup returns the seats of a group in a layout version. The error is poison if the layout or the group does not
	// exist.
	LayoutGroup(ctx context.Context, concertID string, version int, group string) (readmodel.LayoutGroup, error)
}

// Places returns the places of seats, in the order of their names. If the layout does not have one of the names, the error is
// poison with the reason unknown_seat: the names come from data that was checked against this layout, so an invariant is broken.
func Places(layout readmodel.LayoutGroup, names []string) ([]int, error) {
	places, unknown, ok := layout.Places(names)
	if !ok {
		return nil, retry.Poison("unknown_seat", fmt.Errorf("seat %q is not in group %s of the layout", unknown, layout.Group))
	}
	return places, nil
}

// PlacesOf returns the places of seats of a row in the row's own layout version. Its errors are those of LayoutGroup and Places.
func PlacesOf(ctx context.Context, l Layouts, row order.Order, names []string) ([]int, error) {
	layout, err := l.LayoutGroup(ctx, row.ConcertID, row.LayoutVersion, row.Group)
	if err != nil {
		return nil, fmt.Errorf("layout: %w", err)
	}
	places, err := Places(layout, names)
	if err != nil {
		return nil, fmt.Errorf("layout %d: %w", row.LayoutVersion, err)
	}
	return places, nil
}

// Keeper makes the hold of an open row again if it is missing. See Holds.Keep.
type Keeper interface {
	Keep(ctx context.Context, g seatstate.GroupVersion, k holds.Kept) (holds.Applied, error)
}

// Keep makes the hold of an open row in Redis what the row says, and returns what the call did. It may be repeated.
func Keep(ctx context.Context, k Keeper, l Layouts, row order.Order) (holds.Applied, error) {
	places, err := PlacesOf(ctx, l, row, row.Seats)
	if err != nil {
		return "", err
	}
	applied, err := k.Keep(ctx, row.GroupVersion(), holds.Kept{
		Ask:     holds.Ask{Order: row.OrderID, Hash: row.RequestHash, Places: places},
		Version: row.Version, HeldAt: row.HeldAt, ExpiresAt: row.HoldExpiresAt,
	})
	if err != nil {
		return "", fmt.Errorf("keep: %w", err)
	}
	return applied, nil
}
