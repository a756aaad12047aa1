package reserve

import (
	"context"
	"fmt"
	"time"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// Burial makes a poisoned message of orders.fifo safe to acknowledge, so that its group goes on: the buyer of a
// PlaceOrder gets an answer, and the message is kept with the reason.
type Burial struct {
	Orders      Orders
	DeadLetters DeadLetters
	Now         func() time.Time
}

// Bury first writes the row REJECTED(internal) if the order has none, then the copy. Both may be repeated. An order
// that has a row is left to it. The body may be anything; what is needed stands in the attributes.
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
