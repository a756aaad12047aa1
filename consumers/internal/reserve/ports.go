// Package reserve handles orders.fifo: each message of a seat group in strict order. place.go decides a PlaceOrder;
// dispatch.go chooses the handler by kind; bury.go settles what cannot be handled.
package reserve

import (
	"context"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// Holds asks for and gives back seats of a group. Both are atomic and may be repeated by anyone at any time; both
// answer holds.ErrNotLoaded when the group is not in Redis.
type Holds interface {
	// Hold takes all places of the ask for its order, or none.
	Hold(ctx context.Context, g contracts.SeatGroup, ask holds.Ask) (holds.Answer, error)
	// Release frees what is held by the order, never what is sold, and ends its record under the row's version.
	Release(ctx context.Context, g contracts.SeatGroup, id contracts.OrderID, version int) (holds.Release, error)
}

// Orders are the rows, the only truth about an order.
type Orders interface {
	// PutIfAbsent writes the first version of a row. When there is one already it answers that row and false.
	PutIfAbsent(ctx context.Context, o order.Order) (stored order.Order, done bool, err error)
}

// Catalogue answers what is on sale. Both answers may be some seconds old; a layout version never changes.
type Catalogue interface {
	Concert(ctx context.Context, concertID string) (readmodel.Concert, error)
	LayoutGroup(ctx context.Context, concertID string, version int, group string) (readmodel.LayoutGroup, error)
}

// Sender sends messages; a nil error means that the queue has all of them.
type Sender interface {
	Send(ctx context.Context, messages ...message.Encoded) error
}

// DeadLetters keeps a copy of a message that was taken out of its group, with the reason.
type DeadLetters interface {
	Copy(ctx context.Context, d message.Delivery, reason string) error
}
