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

// resolveConflict is called when a sale finds a seat sold to another order in Redis. If the seat's ticket is not the other
// order's, Redis does not yet show that the other order has lost the seat: resolveConflict takes that sale back, under the
// version of the other order's row, and returns errConflictResolved. A sale whose ticket exists is never overwritten.
//
// The ticket is read alone: a query may see only some of the tickets of a transaction, so a ticket that is not in its result may
// still exist.
func (m Mirror) resolveConflict(ctx context.Context, row order.Order, seat string, c holds.Conflict) error {
	owner, found, err := m.Rows.Ticket(ctx, row.SeatGroup(), seat)
	if err != nil {
		return fmt.Errorf("read ticket: %w", err)
	}
	if found && owner == c.Owner {
		return m.checkRowMoved(ctx, row, seat, c)
	}
	other, found, err := m.read(ctx, c.Owner)
	switch {
	case err != nil:
		return fmt.Errorf("order %s: %w", c.Owner, err)
	case !found:
		return retry.Poison("sold_without_row", fmt.Errorf("seat %s is sold to %s", seat, c.Owner))
	case other.Status.Paid() && slices.Contains(other.Owned(), seat):
		// A ticket leaves an order only together with a version of its row that says so, so an invariant is broken. The ticket
		// decides who owns the seat, so the sale is taken back, with an alarm.
		m.Log.ErrorContext(ctx, "a paid order has lost a ticket", telemetry.KeyOrder, other.OrderID, telemetry.KeyVersion, other.Version,
			telemetry.KeySeatGroup, row.SeatGroup().Key(), telemetry.KeyError, fmt.Sprintf("seat %s is sold to %s", seat, row.OrderID))
		m.Meter.Put(telemetry.InvariantsBroken, 1)
	}
	// If Redis knows a later version of the other order, its sale has changed already. The place belongs to this row's group.
	if err := m.restorePlaces(ctx, row.GroupVersion(), other, []int{c.Place}); err != nil && !errors.Is(err, errStale) {
		return err
	}
	return errConflictResolved
}

// checkRowMoved is called when the seat of a paid row has the ticket of another order. A ticket leaves an order only together
// with a version of its row. So either the row has changed since it was read, and the result is retry.ErrMoved; or two orders own
// the seat, which is poison. Nothing is overwritten.
func (m Mirror) checkRowMoved(ctx context.Context, row order.Order, seat string, c holds.Conflict) error {
	now, found, err := m.read(ctx, row.OrderID)
	if err != nil {
		return err
	}
	if found && now.Version == row.Version {
		return retry.Poison("two_owners", fmt.Errorf("seat %s has a ticket of %s", seat, c.Owner))
	}
	return retry.ErrMoved
}
