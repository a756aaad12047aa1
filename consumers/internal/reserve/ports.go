// Package reserve handles orders.fifo: each message of a seat group in strict order.
//
// place.go decides a run of PlaceOrders, answer.go makes their rows of what the script answered and write.go writes them;
// best.go decides one that asks for any adjacent seats; cancel.go and settle.go end an order; dispatch.go chooses the
// handler by kind; bury.go settles what cannot be handled.
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

// Seats is a seats.Store: the groups in Redis, which it loads where they are missing. Each call is atomic and may be repeated
// at any time and by several callers at once.
type Seats interface {
	// Hold decides a run of orders in one call, and returns one answer for each ask.
	Hold(ctx context.Context, g seatstate.GroupVersion, run holds.Run) ([]holds.Answer, error)
	// Release frees what is held by the order, never what is sold, and ends its record under the row's version.
	Release(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, version int) (holds.Release, error)
	// Keep makes the hold of an open row what the row says: its seats, no other, and its times.
	Keep(ctx context.Context, g seatstate.GroupVersion, k holds.Kept) (holds.Applied, error)
	// Forward notes that the order was sent on, unless it holds something here: then it returns that hold. With
	// holds.Nowhere it only returns what is known of the order.
	Forward(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, hash string, to holds.Forwarding) (holds.Answer, error)
	// Map returns the map of one group.
	Map(ctx context.Context, g seatstate.GroupVersion) (seatstate.Snapshot, error)
	// Maps returns the maps of groups, each of one instant, in the order of the groups. It loads none: one that is not loaded
	// in this layout version has a map that is not Loaded. A *holds.UnreadError is returned beside the maps that were read.
	Maps(ctx context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error)
}

// Pace leaves the lag of the decisions for GETs of orders that have no row yet.
type Pace interface {
	Leave(ctx context.Context, sentAt contracts.Instant)
}

// Orders are the rows, the only truth about an order.
type Orders interface {
	// PutAll writes first versions of rows, each if there is none; those of one buyer that are counted in their order,
	// and none of them after one that is not known.
	PutAll(ctx context.Context, rows []order.Order) []order.PutResult
	// Read is a consistent read; found is false when there is no such row.
	Read(ctx context.Context, id contracts.OrderID) (o order.Order, found bool, err error)
	// Update writes the next version of a row if the stored one is still before; else it returns retry.ErrMoved. Any other
	// error leaves open whether it is written.
	Update(ctx context.Context, before, after order.Order) error
	// RejectLost is Update that returns retry.ErrMoved also if no ticket of that seat belongs to another order.
	RejectLost(ctx context.Context, before, after order.Order, seat string) error
}

// Tickets is a consistent read of all tickets of a group: seat name to owner.
type Tickets interface {
	Tickets(ctx context.Context, g contracts.SeatGroup) (map[string]contracts.OrderID, error)
}

// Catalogue answers what is on sale. Answers may be some seconds old, but for the mark of the frozen layout; a layout version
// never changes.
type Catalogue interface {
	Concert(ctx context.Context, concertID string) (readmodel.Concert, error)
	LayoutGroup(ctx context.Context, concertID string, version int, group string) (readmodel.LayoutGroup, error)
	// Layout answers all groups of a layout version, in the layout's order.
	Layout(ctx context.Context, concertID string, version int) ([]readmodel.LayoutGroup, error)
}

// Sender sends messages; a nil error means that the queue has all of them.
type Sender interface {
	Send(ctx context.Context, messages ...message.Encoded) error
}

// DeadLetters keeps a copy of a message that was taken out of its group, with the reason.
type DeadLetters interface {
	Copy(ctx context.Context, d message.Delivery, reason string) error
}
