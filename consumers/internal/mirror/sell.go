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

// errSeatLostNotSent: the sale is made, and the SettleOrders of the orders that lost a seat by it could not be sent.
var errSeatLostNotSent = errors.New("the orders that lost a seat are not told")

// sell sells the seats that a paid order owns, sends SettleOrder to the orders that lose a hold by it, and frees the seats that
// were withdrawn.
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

// sellSeats sells seats of a paid order.
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
		return m.resolveConflict(ctx, row, names[slices.Index(places, sold.Conflict.Place)], *sold.Conflict)
	}
	if err := seats.TellSeatLost(ctx, m.Sender, row.SeatGroup(), sold.Displaced, commandID(row)); err != nil {
		return fmt.Errorf("%w: %w", errSeatLostNotSent, err)
	}
	return nil
}

// commandID identifies a sale in the 36 characters of a command id: by the version of the row and the end of the order's id.
func commandID(row order.Order) string {
	id := string(row.OrderID)
	return "s" + strconv.Itoa(row.Version) + "-" + id[max(0, len(id)-24):]
}
