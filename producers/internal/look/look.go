// Package look has the words of what a producer looks at before it enqueues: what Redis shows, which are hints and never
// promises, and what the tables say.
package look

import (
	"time"

	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// Account is the row of an order and its buyer's allowance, read together. Each is as it was last written, but the two need not
// be of one instant: a transaction that writes both may be seen half done.
type Account struct {
	// Row is the order's; nil if there is none, or if it is not known.
	Row *readmodel.Order
	// RowUnknown says that the store did not answer about the row, so that no Row does not mean that there is none.
	RowUnknown bool
	// Counted is how many seats are counted for the buyer. nil if the store has no number, or did not answer about it: then
	// nothing is known of it, and nobody is refused for it.
	Counted *int
}

// Seats is what Redis shows of the seats that an order asks for.
type Seats struct {
	// Taken are the places that are for sure another order's: indexes into the places asked about.
	Taken []int
	// Lag is how far the group's decisions are behind its queue, if LagKnown: if one was made in the last seconds.
	Lag      time.Duration
	LagKnown bool
}

// Record is what an order is in a group.
type Record struct {
	// Known is false where Redis did not answer.
	Known bool
	// Order is "" if the group does not know the order.
	Order seatstate.RecordState
}

// Group is a group as Redis shows it at one instant, with its lag.
type Group struct {
	seatstate.Snapshot
	// Lag and LagKnown are as in Seats.
	Lag      time.Duration
	LagKnown bool
	// Order is what the order that was asked about is in the group, looked at after the map: what its own hold took on the
	// map is told by it. "" if the group does not know the order, or none was asked about.
	Order seatstate.RecordState
}
