package seats

import (
	"context"
	"fmt"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// Sender sends messages. It is safe for concurrent use.
type Sender interface {
	// Send blocks until the queues have confirmed all messages, or the context ends. After an error some of them may have been
	// sent. A repeat may deliver a message twice.
	Send(ctx context.Context, messages ...message.Encoded) error
}

// TellSeatLost sends SettleOrder(seat_lost) to each of the orders lost, whose seats in the group were sold to another order: by
// mirror, or by a repair of reconcile. The sale has ended their holds, so they need not wait until the holds expire. A repeat
// with the same commandID, which identifies the sale, is deduplicated.
func TellSeatLost(ctx context.Context, sender Sender, g contracts.SeatGroup, lost []contracts.OrderID, commandID string) error {
	var messages []message.Encoded
	for _, id := range lost {
		encoded, err := message.Encode(message.SettleOrder{
			OrderID: id, ConcertID: g.ConcertID, Group: g.Group, Reason: contracts.ReasonSeatLost, CommandID: commandID,
		}, "")
		if err != nil {
			return fmt.Errorf("encode SettleOrder: %w", err)
		}
		messages = append(messages, encoded)
	}
	if len(messages) == 0 {
		return nil
	}
	if err := sender.Send(ctx, messages...); err != nil {
		return fmt.Errorf("send SettleOrder: %w", err)
	}
	return nil
}
