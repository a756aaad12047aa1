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

// Cancel handles CancelOrder: it ends an open order that its buyer or an operator cancels. It ends the row first, so that no
// payment can commit the order, then releases its seats, then voids its authorisation. It is safe for concurrent use.
type Cancel struct {
	Orders Orders
	Ending seats.Ending
	Now    func() time.Time
}

// Handle handles one CancelOrder.
func (h Cancel) Handle(ctx context.Context, d message.Delivery, m message.CancelOrder) error {
	return retry.Reread(func() error { return h.readAndCancel(ctx, d, m) })
}

// readAndCancel does the steps from the read of the row on. It returns retry.ErrMoved if the row changed after the read.
func (h Cancel) readAndCancel(ctx context.Context, d message.Delivery, m message.CancelOrder) error {
	row, found, err := h.Orders.Read(ctx, m.OrderID)
	switch {
	case err != nil:
		return fmt.Errorf("read row: %w", err)
	case !found:
		// The PlaceOrder is earlier in the group, so the row will be written.
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
		// A paid order needs a refund, which is not a cancellation. Of a revoked or refunded one, mirror frees the seats.
		return retry.Refused("not_open")
	}
	return h.Ending.Finish(ctx, row)
}
