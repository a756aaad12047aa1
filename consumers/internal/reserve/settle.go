package reserve

import (
	"context"
	"fmt"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/seats"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// Settle handles SettleOrder: it ends an open order as REJECTED. For the reason seat_lost it checks the tickets first: the order
// that won the seat may have been revoked between its sale and this message. It is safe for concurrent use.
type Settle struct {
	Seats     Seats
	Orders    Orders
	Tickets   Tickets
	Catalogue Catalogue
	Ending    seats.Ending
	Now       func() time.Time
}

// Handle handles one SettleOrder.
func (h Settle) Handle(ctx context.Context, d message.Delivery, m message.SettleOrder) error {
	staleVersion := 0
	return retry.Reread(func() error { return h.readAndSettle(ctx, d, m, &staleVersion) })
}

// readAndSettle does the steps from the read of the row on. It returns retry.ErrMoved if the row must be read again. staleVersion
// is the version whose hold the last call could not restore, 0 for none.
func (h Settle) readAndSettle(ctx context.Context, d message.Delivery, m message.SettleOrder, staleVersion *int) error {
	cause := order.Cause{Kind: message.KindSettleOrder, MessageID: d.MessageID, At: contracts.InstantOf(h.Now())}
	row, found, err := h.Orders.Read(ctx, m.OrderID)
	switch {
	case err != nil:
		return fmt.Errorf("read row: %w", err)
	case !found:
		return h.rejectUnread(ctx, d, m, cause)
	case row.Status.Open():
		return h.reject(ctx, m, row, cause, staleVersion)
	case row.Status.EndedUnpaid():
		return h.Ending.Finish(ctx, row)
	default:
		return retry.Refused("not_open")
	}
}

// rejectUnread writes the row of an order that is known in Redis and has no row. If its PlaceOrder is handled later, it finds
// this row and releases the hold. The message does not say who the buyer is, so the row contains only the id.
func (h Settle) rejectUnread(ctx context.Context, d message.Delivery, m message.SettleOrder, cause order.Cause) error {
	row := order.NewRejectedUnread(message.Attributes{OrderID: m.OrderID, ConcertID: m.ConcertID, Group: m.Group}, d.Fence(), d.SentAt, cause)
	row.Reason = &readmodel.Reason{Code: m.Reason}
	switch r := h.Orders.PutAll(ctx, []order.Order{row})[0]; r.Outcome {
	case order.PutDone:
		return nil
	case order.PutRefused:
		return retry.ErrMoved
	default:
		return fmt.Errorf("put row REJECTED: %w", r.Err)
	}
}

// reject ends an open row, for seat_lost only if a ticket shows that a seat is lost.
func (h Settle) reject(ctx context.Context, m message.SettleOrder, row order.Order, cause order.Cause, staleVersion *int) error {
	if m.Reason != contracts.ReasonSeatLost {
		rejected, err := row.Reject(m.Reason, nil, cause)
		if err != nil {
			return retry.Poison("transition", err)
		}
		if err := update(ctx, h.Orders, row, rejected); err != nil {
			return err
		}
		return h.Ending.Finish(ctx, rejected)
	}
	tickets, err := h.Tickets.Tickets(ctx, row.SeatGroup())
	if err != nil {
		return fmt.Errorf("read tickets: %w", err)
	}
	var lost []string
	for _, seat := range row.Seats {
		if owner, sold := tickets[seat]; sold && owner != row.OrderID {
			lost = append(lost, seat)
		}
	}
	if len(lost) == 0 {
		return h.restoreHold(ctx, row, staleVersion)
	}
	rejected, err := row.Reject(m.Reason, lost, cause)
	if err != nil {
		return retry.Poison("transition", err)
	}
	if err := h.Orders.RejectLost(ctx, row, rejected, lost[0]); err != nil {
		return fmt.Errorf("row REJECTED: %w", err)
	}
	return h.Ending.Finish(ctx, rejected)
}

// restoreHold makes the hold of an order that has not lost its seat, as mirror does. If the call is stale twice for the same
// version, it always will be, because a version is in the row before it is in Redis: the hold has expired in Redis, or was ended
// there under this version. Then expire or a repair ends the order, and its group must not wait.
func (h Settle) restoreHold(ctx context.Context, row order.Order, staleVersion *int) error {
	applied, err := seats.Keep(ctx, h.Seats, h.Catalogue, row)
	switch {
	case err != nil:
		return err
	case applied == holds.Stale && row.Version == *staleVersion:
		return retry.Refused("hold_over")
	case applied == holds.Stale:
		*staleVersion = row.Version
		return retry.ErrMoved
	default:
		// The order has its hold again, or another order has the seat in Redis. Then the transaction of the tickets decides.
		return retry.Refused("not_lost")
	}
}
