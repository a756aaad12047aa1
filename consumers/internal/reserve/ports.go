// Package reserve handles orders.fifo: it decides which order gets which seats. The messages of a seat group are handled in
// strict order.
//
// It guarantees that an order gets all its seats or none, that a PlaceOrder is acknowledged only after its order has a row or its
// message was forwarded to another group, and that every step may be repeated, also concurrently. Redis only holds seats; rows
// and tickets in DynamoDB are the truth. It needs the seat groups in Redis (a seats.Store), rows and tickets, the catalogue, a
// sender, and a caller that handles the messages of a group one after another (sqsbatch).
//
// place.go decides a run of PlaceOrders, answer.go makes their rows from the answers of the script, and write.go writes them;
// best.go decides an order for any adjacent seats; cancel.go and settle.go end an order; dispatch.go calls the handler of a
// kind; bury.go makes a poison message safe to acknowledge.
package reserve

import (
	"context"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// Seats is a seats.Store: the groups in Redis, which are loaded if they are missing. Each call is atomic for its group, may be
// repeated at any time, and is safe for concurrent use. It blocks no longer than its context allows. After an error the call may
// have taken effect.
type Seats interface {
	// Hold decides a run of orders in their order. It returns one answer per ask.
	Hold(ctx context.Context, g seatstate.GroupVersion, run holds.Run) ([]holds.Answer, error)
	// Release frees the places that the order holds, never those that are sold, and ends its record under the version of its
	// row. Layout version 0 means the version that is loaded.
	Release(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, version int) (holds.Release, error)
	// Keep makes the hold of an open row exactly what the row says: its seats and its times.
	Keep(ctx context.Context, g seatstate.GroupVersion, k holds.Kept) (holds.Applied, error)
	// Forward records that the order is sent on to another group, unless the group has a record of the order: then it returns
	// that record, for example its hold. With holds.Nowhere it records nothing.
	Forward(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, hash string, to holds.Forwarding) (holds.Answer, error)
	// Map returns the map of one group.
	Map(ctx context.Context, g seatstate.GroupVersion) (seatstate.Snapshot, error)
	// Maps returns the map of each group, in the order of the groups. Each map is consistent in itself. It loads no group: one
	// that is not loaded in this layout version has a map that is not Loaded. If some groups cannot be read, the error is a
	// *holds.UnreadError, and the maps of the others are returned with it.
	Maps(ctx context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error)
}

// Pace publishes the lag of decisions, for GETs of orders that have no row yet. It is safe for concurrent use.
type Pace interface {
	// Leave stores the lag of a message that the queue accepted at sentAt. It ignores errors: the lag is a hint.
	Leave(ctx context.Context, sentAt contracts.Instant)
}

// Orders are the rows of orders, which are the only truth about an order. It is safe for concurrent use and blocks no longer than
// its context allows.
type Orders interface {
	// PutAll writes first versions of rows, each unless the order has a row, and returns one result per row. A row that counts
	// for its buyer's limit is written atomically with the buyer's allowance. Such rows of one buyer are written in their order,
	// and none of them after one whose result is unknown.
	PutAll(ctx context.Context, rows []order.Order) []order.PutResult
	// Read is a consistent read; found is false if there is no such row.
	Read(ctx context.Context, id contracts.OrderID) (o order.Order, found bool, err error)
	// Update atomically replaces the row before with its next version after. It returns retry.ErrMoved if the stored row is no
	// longer before; then nothing is written. After any other error the row may have been written.
	Update(ctx context.Context, before, after order.Order) error
	// RejectLost is Update that also returns retry.ErrMoved if the seat has no ticket of another order.
	RejectLost(ctx context.Context, before, after order.Order, seat string) error
}

// Tickets reads tickets. It is safe for concurrent use.
type Tickets interface {
	// Tickets is a consistent read of all tickets of a group: seat name to owner. It may see only some of the tickets of a
	// transaction.
	Tickets(ctx context.Context, g contracts.SeatGroup) (map[string]contracts.OrderID, error)
}

// Catalogue reads what is on sale. It is safe for concurrent use. Its errors are poison if the concert, layout or group does not
// exist.
type Catalogue interface {
	// Concert returns a concert, which may be some seconds old, except its frozen layout version.
	Concert(ctx context.Context, concertID string) (readmodel.Concert, error)
	// LayoutGroup returns one group of a layout version, which never changes.
	LayoutGroup(ctx context.Context, concertID string, version int, group string) (readmodel.LayoutGroup, error)
	// Layout returns all groups of a layout version, in the layout's order.
	Layout(ctx context.Context, concertID string, version int) ([]readmodel.LayoutGroup, error)
}

// Sender sends messages. It is safe for concurrent use.
type Sender interface {
	// Send blocks until the queues have confirmed all messages, or the context ends. After an error some may have been sent.
	Send(ctx context.Context, messages ...message.Encoded) error
}

// DeadLetters stores messages that are taken out of their group. It is safe for concurrent use.
type DeadLetters interface {
	// Copy stores a copy of a message with the reason. A nil error means that the copy is stored. It may be repeated.
	Copy(ctx context.Context, d message.Delivery, reason string) error
}
