package mirror

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/seats"
)

// errNotTold is of a sale that is made and whose displaced orders could not be told.
var errNotTold = errors.New("displaced orders are not told")

// sell sells the seats that a paid order owns, tells whom that displaced, and frees the seats that were withdrawn.
func (m Mirror) sell(ctx context.Context, row order.Order) error {
	if names := row.Owned(); len(names) > 0 {
		if err := m.sellSeats(ctx, row, names); err != nil {
			return err
		}
	}
	if names := row.Withdrawn(); len(names) > 0 {
		return m.restore(ctx, row, names)
	}
	return nil
}

func (m Mirror) sellSeats(ctx context.Context, row order.Order, names []string) error {
	places, err := seats.PlacesOf(ctx, m.Catalogue, row, names)
	if err != nil {
		return err
	}
	sold, err := m.Seats.Sell(ctx, row.GroupVersion(), row.OrderID, places, row.Version)
	if err != nil {
		return fmt.Errorf("sell: %w", err)
	}
	switch {
	case sold.Stale:
		return errStale
	case sold.Conflict != nil:
		return m.help(ctx, row, names[slices.Index(places, sold.Conflict.Place)], *sold.Conflict)
	}
	if err := seats.TellSeatLost(ctx, m.Sender, row.SeatGroup(), sold.Displaced, commandOf(row)); err != nil {
		return fmt.Errorf("%w: %w", errNotTold, err)
	}
	return nil
}

// commandOf names a sale within the 36 characters of a command id: the version and the last letters of the order's id.
func commandOf(row order.Order) string {
	id := string(row.OrderID)
	return "s" + strconv.Itoa(row.Version) + "-" + id[max(0, len(id)-24):]
}
