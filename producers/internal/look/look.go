// Package look has the words of the look at Redis that a producer takes before it enqueues: hints, never promises.
package look

import (
	"time"

	"boxoffice/contracts/seatstate"
)

// Seats is what Redis shows of the seats that an order asks for.
type Seats struct {
	// Taken are the places that are for sure another order's: indexes into the places asked about.
	Taken []int
	// Lag is how far the group's decisions are behind its queue; 0 when none was made in the last seconds.
	Lag time.Duration
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
	Lag time.Duration
	// Order is what the order that was asked about is in the group, looked at after the map: what its own hold took on the
	// map is told by it. "" if the group does not know the order, or none was asked about.
	Order seatstate.RecordState
}
