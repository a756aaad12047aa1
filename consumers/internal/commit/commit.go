// Package commit handles the messages of authorizations.fifo, the results of buyers' banks, in the order of each seat group.
//
// authorized.go writes an order's tickets and asks for the capture of its money, or ends the order and asks for the void.
// declined.go records a refused card. Neither calls Stripe or Redis. The condition that no ticket of the seat exists decides
// who owns a seat; mirror applies the result to Redis.
package commit

import (
	"context"
	"errors"
	"fmt"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// Orders stores the rows of orders, and the tickets of those that are paid. It is safe for concurrent use.
type Orders interface {
	// Read reads a row consistently; found is false if there is none.
	Read(ctx context.Context, id contracts.OrderID) (o order.Order, found bool, err error)
	// Update writes the next version of a row if the stored one is still before; else it returns retry.ErrMoved. After any
	// other error it is not known whether the version is written.
	Update(ctx context.Context, before, after order.Order) error
	// Commit writes all tickets and the row in one transaction. It returns retry.ErrMoved if the stored row is not before,
	// and else an order.SeatsTakenError if a ticket exists. After any other error it is not known whether they are
	// written.
	Commit(ctx context.Context, before, after order.Order) error
}

// Sender sends messages. A nil error means that the queue has all of them.
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

// errNoRow is the cause of poison for an order that has no row. A PaymentIntent is made from a row, so either this one is not
// ours or the row is lost. An operator has to find out which, and the group does not wait.
var errNoRow = errors.New("no row of the order that the payment names")
