package reserve

import (
	"context"
	"fmt"
	"time"

	"boxoffice/consumers/internal/ended"
	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/rebuild"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// Settle ends an open order as REJECTED. That a seat was lost is believed only when a ticket shows it: between the sale
// and this message the winner may have been revoked.
type Settle struct {
	Holds     Holds
	Orders    Orders
	Tickets   Tickets
	Catalogue Catalogue
	Loader    rebuild.Loader
	Ending    ended.Ending
	Now       func() time.Time
}

// Handle handles one SettleOrder.
func (h Settle) Handle(ctx context.Context, d message.Delivery, m message.SettleOrder) retry.Outcome {
	stale := 0
	return retry.Reread(func() (retry.Outcome, bool) { return h.once(ctx, d, m, &stale) })
}

// once is one pass from the read of the row on. stale is the version whose hold the last pass could not keep, 0 if none.
func (h Settle) once(ctx context.Context, d message.Delivery, m message.SettleOrder, stale *int) (outcome retry.Outcome, again bool) {
	cause := order.Cause{Kind: message.KindSettleOrder, MessageID: d.MessageID, At: contracts.InstantOf(h.Now())}
	row, found, err := h.Orders.Read(ctx, m.OrderID)
	switch {
	case err != nil:
		return retry.Classify(fmt.Errorf("read row: %w", err)), false
	case !found:
		return h.rejectUnread(ctx, d, m, cause)
	case row.Status.Open():
		return h.reject(ctx, m, row, cause, stale)
	case row.Status.EndedUnpaid():
		return h.finish(ctx, row), false
	default:
		return retry.Refused("not_open"), false
	}
}

// rejectUnread settles an order that Redis knew and that has no row: its own put finds this one and gives back what it
// holds. Whose it is only the id says.
func (h Settle) rejectUnread(ctx context.Context, d message.Delivery, m message.SettleOrder, cause order.Cause) (retry.Outcome, bool) {
	row := order.NewRejectedUnread(message.Attributes{OrderID: m.OrderID, ConcertID: m.ConcertID, Group: m.Group}, d.Fence(), d.SentAt, cause)
	row.Reason = &readmodel.Reason{Code: m.Reason}
	switch r := h.Orders.PutAll(ctx, []order.Order{row})[0]; r.Outcome {
	case order.PutDone:
		return retry.Done(), false
	case order.PutRefused:
		return retry.Outcome{}, true
	default:
		return retry.Classify(fmt.Errorf("put row REJECTED: %w", r.Err)), false
	}
}

// reject ends an open row.
func (h Settle) reject(ctx context.Context, m message.SettleOrder, row order.Order, cause order.Cause, stale *int) (retry.Outcome, bool) {
	if m.Reason != contracts.ReasonSeatLost {
		rejected, err := row.Reject(m.Reason, nil, cause)
		if err != nil {
			return retry.Poison("transition", err), false
		}
		if again, err := updated(ctx, h.Orders, row, rejected); again || err != nil {
			return retry.Classify(err), again
		}
		return h.finish(ctx, rejected), false
	}
	tickets, err := h.Tickets.Tickets(ctx, row.SeatGroup())
	if err != nil {
		return retry.Classify(fmt.Errorf("read tickets: %w", err)), false
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
		return retry.Poison("transition", err), false
	}
	done, err := h.Orders.RejectLost(ctx, row, rejected, lost[0])
	if err != nil {
		return retry.Classify(fmt.Errorf("row REJECTED: %w", err)), false
	}
	if !done {
		return retry.Outcome{}, true
	}
	return h.finish(ctx, rejected), false
}

// keep makes the hold again of an order that did not lose its seat after all, as mirror would. A call that is stale for
// the same version twice will be so for ever, since a version is in the row before it is in Redis: the hold is past its
// lapse, or was ended here under this version. The order is left to expire and repair, and its group goes on.
func (h Settle) keep(ctx context.Context, row order.Order, stale *int) (outcome retry.Outcome, again bool) {
	applied, err := rebuild.Keep(ctx, h.Holds, h.Loader, h.Catalogue, row)
	switch {
	case err != nil:
		return retry.Classify(err), false
	case applied == holds.Stale && row.Version == *stale:
		return retry.Refused("hold_over"), false
	case applied == holds.Stale:
		*stale = row.Version
		return retry.Outcome{}, true
	default:
		// Held again, or another order has the seat in Redis: the transaction of the tickets decides between them.
		return retry.Refused("not_lost"), false
	}
}

func (h Settle) finish(ctx context.Context, row order.Order) retry.Outcome {
	return retry.Classify(h.Ending.Finish(ctx, row))
}
