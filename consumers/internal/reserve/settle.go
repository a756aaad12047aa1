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

// Settle ends an open order as REJECTED. That a seat was lost is believed only when a ticket shows it: between the sale
// and this message the winner may have been revoked.
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
	stale := 0
	return retry.Reread(func() error { return h.once(ctx, d, m, &stale) })
}

// once is one pass from the read of the row on. stale is the version whose hold the last pass could not keep, 0 if none.
func (h Settle) once(ctx context.Context, d message.Delivery, m message.SettleOrder, stale *int) error {
	cause := order.Cause{Kind: message.KindSettleOrder, MessageID: d.MessageID, At: contracts.InstantOf(h.Now())}
	row, found, err := h.Orders.Read(ctx, m.OrderID)
	switch {
	case err != nil:
		return fmt.Errorf("read row: %w", err)
	case !found:
		return h.rejectUnread(ctx, d, m, cause)
	case row.Status.Open():
		return h.reject(ctx, m, row, cause, stale)
	case row.Status.EndedUnpaid():
		return h.Ending.Finish(ctx, row)
	default:
		return retry.Refused("not_open")
	}
}

// rejectUnread settles an order that Redis knew and that has no row: its own put finds this one and gives back what it
// holds. Whose it is only the id says.
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

// reject ends an open row.
func (h Settle) reject(ctx context.Context, m message.SettleOrder, row order.Order, cause order.Cause, stale *int) error {
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
		return h.keep(ctx, row, stale)
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

// keep makes the hold again of an order that did not lose its seat after all, as mirror would. A call that is stale for
// the same version twice will be so for ever, since a version is in the row before it is in Redis: the hold is past its
// lapse, or was ended here under this version. The order is left to expire and repair, and its group goes on.
func (h Settle) keep(ctx context.Context, row order.Order, stale *int) error {
	applied, err := seats.Keep(ctx, h.Seats, h.Catalogue, row)
	switch {
	case err != nil:
		return err
	case applied == holds.Stale && row.Version == *stale:
		return retry.Refused("hold_over")
	case applied == holds.Stale:
		*stale = row.Version
		return retry.ErrMoved
	default:
		// Held again, or another order has the seat in Redis: the transaction of the tickets decides between them.
		return retry.Refused("not_lost")
	}
}
