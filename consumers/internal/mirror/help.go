package mirror

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/telemetry"
)

// help is what a sale does that meets a seat sold to another order in Redis. Where the ticket is not that order's, its own
// mirror has not taken the sale back yet, so it is done here, under that order's row's version. A sale whose ticket is there
// is never overwritten.
//
// The one ticket is read by itself: a Query may see a transaction half done, so that a ticket which it does not show may
// be there all the same.
func (m Mirror) help(ctx context.Context, row order.Order, seat string, c holds.Conflict) error {
	owner, found, err := m.Rows.Ticket(ctx, row.SeatGroup(), seat)
	if err != nil {
		return fmt.Errorf("read ticket: %w", err)
	}
	if found && owner == c.Owner {
		return m.lost(ctx, row, seat, c)
	}
	other, found, err := m.read(ctx, c.Owner)
	switch {
	case err != nil:
		return fmt.Errorf("order %s: %w", c.Owner, err)
	case !found:
		return &retry.PoisonError{Reason: "sold_without_row", Err: fmt.Errorf("seat %s is sold to %s", seat, c.Owner)}
	case other.Status.Paid() && slices.Contains(other.Owned(), seat):
		// A ticket leaves an order only with a version of its row that says so. The ticket decides who owns the seat, so
		// the sale is taken back all the same, and not in silence.
		m.Log.ErrorContext(ctx, "a paid order has lost a ticket", telemetry.KeyOrder, other.OrderID, telemetry.KeyVersion, other.Version,
			telemetry.KeySeatGroup, row.SeatGroup().Key(), telemetry.KeyError, fmt.Sprintf("seat %s is sold to %s", seat, row.OrderID))
		m.Meter.Put(telemetry.InvariantsBroken, 1)
	}
	// Refused as old or done: either way the other order's sale is not what it was. The place is one of this row's group.
	if err := m.restorePlaces(ctx, row.GroupVersion(), other, []int{c.Place}); err != nil && !errors.Is(err, errStale) {
		return err
	}
	return errHelped
}

// lost: the seat has the other order's ticket. A ticket leaves an order only with a version of its row, so this row has
// moved on since it was read, or two orders own the seat. The latter is an alarm, and nothing is overwritten.
func (m Mirror) lost(ctx context.Context, row order.Order, seat string, c holds.Conflict) error {
	now, found, err := m.read(ctx, row.OrderID)
	if err != nil {
		return err
	}
	if found && now.Version == row.Version {
		return &retry.PoisonError{Reason: "two_owners", Err: fmt.Errorf("seat %s has a ticket of %s", seat, c.Owner)}
	}
	return retry.ErrMoved
}
