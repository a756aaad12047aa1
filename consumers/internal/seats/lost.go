package seats

import (
	"context"
	"fmt"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// Sender sends messages; a nil error means that the queue has all of them.
type Sender interface {
	Send(ctx context.Context, messages ...message.Encoded) error
}

// TellSeatLost sends SettleOrder(seat_lost) to each of the orders of a group whose seat was sold to another order: by mirror, or
// by reconcile's repair. The sale has ended their holds, so waiting for the end of the hold would not help them. A repeat with
// the same commandID, which names the cause, is deduplicated.
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
