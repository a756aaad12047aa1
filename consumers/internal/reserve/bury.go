package reserve

import (
	"context"
	"fmt"
	"time"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// Burial makes a poison message of orders.fifo safe to acknowledge, so that its group can continue: the order of a PlaceOrder
// gets a row, so that its buyer gets a result, and the message is stored as a dead letter with the reason. It is safe for
// concurrent use.
type Burial struct {
	Orders      Orders
	DeadLetters DeadLetters
	Now         func() time.Time
}

// Bury writes the row REJECTED(internal) of a PlaceOrder, unless the order has a row, and then the dead letter. Both may be
// repeated. It reads only the attributes of the message, since the body may be anything. nil means that the message may be
// acknowledged.
func (b Burial) Bury(ctx context.Context, d message.Delivery, reason string) error {
	a := d.Attributes
	if a.Kind == message.KindPlaceOrder {
		if _, err := contracts.ParseOrderID(string(a.OrderID)); err == nil {
			cause := order.Cause{Kind: a.Kind, MessageID: d.MessageID, At: contracts.InstantOf(b.Now())}
			row := order.NewRejectedUnread(a, d.Fence(), d.SentAt, cause)
			if r := b.Orders.PutAll(ctx, []order.Order{row})[0]; r.Outcome == order.PutUnknown {
				return fmt.Errorf("put row REJECTED(internal): %w", r.Err)
			}
		}
	}
	if err := b.DeadLetters.Copy(ctx, d, reason); err != nil {
		return fmt.Errorf("copy to the dead-letter queue: %w", err)
	}
	return nil
}
