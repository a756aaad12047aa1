// Package ended has what follows when an order has ended without a ticket, whoever ended it: its seats go back, and then its
// authorisation. The row has ended before, so that nothing can commit meanwhile; each step may be repeated.
package ended

import (
	"context"
	"fmt"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/rebuild"
	"boxoffice/contracts/message"
)

// Sender sends messages; a nil error means that the queue has all of them.
type Sender interface {
	Send(ctx context.Context, messages ...message.Encoded) error
}

// Ending is safe for concurrent use.
type Ending struct {
	Holds  rebuild.Releaser
	Loader rebuild.Loader
	Sender Sender
}

// Finish gives the seats of an ended row back under its version, and has its PaymentIntent voided. intentID is one that the
// caller knows of and the row may not name, else "".
//
// A row without a PaymentIntent needs no void: its buyer was never shown a client secret, and an OpenPayment that is under
// way finds the row ended and cancels what it made.
func (e Ending) Finish(ctx context.Context, row order.Order, intentID string) error {
	if err := rebuild.Release(ctx, e.Holds, e.Loader, row.SeatGroup(), row.OrderID, row.Version); err != nil {
		return err
	}
	if intentID == "" && (row.Payment == nil || row.Payment.IntentID == "") {
		return nil
	}
	void, err := message.Encode(message.VoidPayment{
		OrderID: row.OrderID, ConcertID: row.ConcertID, Group: row.Group, RowVersion: row.Version, PaymentIntentID: intentID,
	}, "")
	if err != nil {
		return fmt.Errorf("encode VoidPayment: %w", err)
	}
	if err := e.Sender.Send(ctx, void); err != nil {
		return fmt.Errorf("send VoidPayment: %w", err)
	}
	return nil
}
