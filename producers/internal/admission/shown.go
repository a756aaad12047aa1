package admission

import (
	"time"

	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// Account is the row of an order and its buyer's allowance, read together. Each is as it was last written, but the two need not be
// of one instant: a transaction that writes both may be seen half done.
type Account struct {
	// Row is the order's row; nil if there is none, or if it is not known.
	Row *readmodel.Order
	// RowUnknown says that the store returned no answer about the row: a nil Row then does not mean that there is none.
	RowUnknown bool
	// Counted is how many seats are counted for the buyer. It is nil if the store has no number or returned no answer about it;
	// then the limit refuses nobody.
	Counted *int
}

// SeatsState is what Redis shows of the seats that an order names. It is a hint; only Taken is certain.
type SeatsState struct {
	// Taken are the places that certainly belong to another order: indexes into the places that were asked for.
	Taken []int
	// Own means that the very order has one of the places already.
	Own bool
	// Shown is the group's map.
	Shown seatstate.Snapshot
	// Lag is how far the group's decisions are behind its queue. It is valid if LagKnown: a decision was made in the last seconds.
	Lag      time.Duration
	LagKnown bool
}

// Record is the state of one order in a group.
type Record struct {
	// Known is false if Redis did not answer.
	Known bool
	// Order is "" if the group has no record of the order.
	Order seatstate.RecordState
}

// GroupState is a group as Redis shows it at one instant, with its lag. It is a hint.
type GroupState struct {
	seatstate.Snapshot
	// Lag and LagKnown are as in SeatsState.
	Lag      time.Duration
	LagKnown bool
	// Order is the state of the order that was asked about. It is read after the map, so it shows what the order's own hold took
	// from the map. It is "" if the group has no record of the order, or if none was asked about.
	Order seatstate.RecordState
}
