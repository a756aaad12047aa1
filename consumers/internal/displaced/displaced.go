// Package displaced tells orders that their seat was sold to another order, for whoever sold it in Redis: mirror and the
// repair of reconcile. Their holds were overwritten, so that waiting for the end of the hold would help nobody.
package displaced

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

// Tell sends SettleOrder{seat_lost} to each of the displaced orders of a group. commandID names the cause, so that a repeat
// is the same send.
func Tell(ctx context.Context, sender Sender, g contracts.SeatGroup, lost []contracts.OrderID, commandID string) error {
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
