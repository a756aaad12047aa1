// Package commit handles authorizations.fifo: what a buyer's bank has said, in the order of each seat group.
//
// authorized.go makes the seats the order's own and has the money taken, or gives both up; declined.go notes a card that
// was refused. Neither asks Stripe, and neither speaks to Redis: that no ticket may exist yet is what decides who owns a
// seat, and mirror shows it.
package commit

import (
	"context"
	"fmt"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// Orders are the rows, with the tickets of those that are paid.
type Orders interface {
	// Read is a consistent read; found is false when there is no such row.
	Read(ctx context.Context, id contracts.OrderID) (o order.Order, found bool, err error)
	// Update writes the next version of a row if the stored one is still before; else it returns retry.ErrMoved.
	Update(ctx context.Context, before, after order.Order) error
	// Commit writes all tickets and the row in one transaction. It returns retry.ErrMoved if the stored row is not before,
	// and else an order.SeatsTakenError if a ticket exists. Any other error leaves open whether they are written.
	Commit(ctx context.Context, before, after order.Order) error
}

// Sender sends messages; a nil error means that the queue has all of them.
type Sender interface {
	Send(ctx context.Context, messages ...message.Encoded) error
}

// Dispatcher chooses the handler of a message by its kind.
type Dispatcher struct {
	Authorized Authorized
	Declined   Declined
}

// Handle decodes and handles one message of authorizations.fifo.
func (h Dispatcher) Handle(ctx context.Context, d message.Delivery) error {
	decoded, err := message.Decode(d.Body)
	if err != nil {
		return err
	}
	switch m := decoded.(type) {
	case message.PaymentAuthorized:
		return h.Authorized.Handle(ctx, d, m)
	case message.PaymentDeclined:
		return h.Declined.Handle(ctx, m)
	default:
		return retry.Poison("misrouted", fmt.Errorf("%s is not for this queue", decoded.Kind()))
	}
}

// errNotOurs is the cause of a payment for an order that has no row. A PaymentIntent is made from a row, so this one is
// not ours, or the row was lost: either way somebody has to look, and the group does not wait for it.
var errNotOurs = fmt.Errorf("no row of the order that the payment names")
