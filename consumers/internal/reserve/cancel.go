package reserve

import (
	"context"
	"fmt"
	"time"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/seats"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// Cancel ends an open order that its buyer or an operator does not want any more: the row first, so that nothing can
// commit, then its seats, then its authorisation.
type Cancel struct {
	Orders Orders
	Ending seats.Ending
	Now    func() time.Time
}

// Handle handles one CancelOrder.
func (h Cancel) Handle(ctx context.Context, d message.Delivery, m message.CancelOrder) error {
	return retry.Reread(func() error { return h.once(ctx, d, m) })
}

func (h Cancel) once(ctx context.Context, d message.Delivery, m message.CancelOrder) error {
	row, found, err := h.Orders.Read(ctx, m.OrderID)
	switch {
	case err != nil:
		return fmt.Errorf("read row: %w", err)
	case !found:
		// Its PlaceOrder is before it in the group, so the row is on its way.
		return errRowIsMissing
	case row.Status.Open():
		cancelled, err := row.Cancel(order.Cause{Kind: message.KindCancelOrder, MessageID: d.MessageID, At: contracts.InstantOf(h.Now())})
		if err != nil {
			return retry.Poison("transition", err)
		}
		if err := update(ctx, h.Orders, row, cancelled); err != nil {
			return err
		}
		row = cancelled
	case !row.Status.EndedUnpaid():
		// Paid: giving the money back is another road. Revoked or refunded: mirror gives the seats back.
		return retry.Refused("not_open")
	}
	return h.Ending.Finish(ctx, row)
}
