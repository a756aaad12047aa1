package mirror

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"boxoffice/consumers/internal/displaced"
	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/rebuild"
)

// errNotTold is of a sale that is made and whose displaced orders could not be told.
var errNotTold = errors.New("displaced orders are not told")

// sell sells the seats that a paid order owns, tells whom that displaced, and frees the seats that were withdrawn.
func (m Mirror) sell(ctx context.Context, row order.Order) error {
	if seats := row.Owned(); len(seats) > 0 {
		if err := m.sellSeats(ctx, row, seats); err != nil {
			return err
		}
	}
	if seats := row.Withdrawn(); len(seats) > 0 {
		return m.restore(ctx, row, seats)
	}
	return nil
}

func (m Mirror) sellSeats(ctx context.Context, row order.Order, seats []string) error {
	places, err := rebuild.Places(ctx, m.Catalogue, row, seats)
	if err != nil {
		return err
	}
	var sold holds.Sale
	if err := rebuild.Loaded(ctx, m.Loader, row.GroupVersion(), func() (err error) {
		sold, err = m.Holds.Sell(ctx, row.GroupVersion(), row.OrderID, places, row.Version)
		return err
	}); err != nil {
		return fmt.Errorf("sell: %w", err)
	}
	switch {
	case sold.Stale:
		return errStale
	case sold.Conflict != nil:
		return m.help(ctx, row, seats[slices.Index(places, sold.Conflict.Place)], *sold.Conflict)
	}
	if err := displaced.Tell(ctx, m.Sender, row.SeatGroup(), sold.Displaced, commandOf(row)); err != nil {
		return fmt.Errorf("%w: %w", errNotTold, err)
	}
	return nil
}

// commandOf names a sale within the 36 characters of a command id: the version and the last letters of the order's id.
func commandOf(row order.Order) string {
	id := string(row.OrderID)
	return "s" + strconv.Itoa(row.Version) + "-" + id[max(0, len(id)-24):]
}
