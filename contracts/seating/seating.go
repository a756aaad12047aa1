// Package seating chooses seats: the best adjacent ones of a group by its map, and the groups that are worth trying. It
// is pure, and both sides use it: a producer to find the first group of an order, a consumer to find the seats and, where
// there are none, the next group. Because both use the same functions, no order is let in for seats that it will not get,
// and none is refused at the door that the queue would have served.
//
// A seat that a wheelchair can use is *accessible*, any other one *ordinary*. An order that asks for accessible places
// gets exactly as many as it asks for, side by side with its other seats. An *ordinary order* asks for none. It never gets
// one before accessible places are released, and afterwards only as its last resort.
package seating

import (
	"slices"

	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// Wish is what an order for any adjacent seats asks for, with what it may have.
type Wish struct {
	// Section is "" for the whole concert.
	Section  string
	Quantity int
	// Accessible is how many of the Quantity must be accessible places. It is exact: 0 is an ordinary order.
	Accessible int
	// Released says that ordinary orders may have accessible places by now, as their last resort.
	Released bool
}

// WishOf is the wish of a message. released is whether the concert's accessible places are anybody's by now
// (readmodel.Concert.AccessibleReleased).
func WishOf(best message.BestAvailable, released bool) Wish {
	return Wish{Section: best.Section, Quantity: best.Quantity, Accessible: best.Accessible, Released: released}
}

// HasLastResort says whether accessible places may stand in for ordinary ones.
func (w Wish) HasLastResort() bool { return w.Released && w.Accessible == 0 }

// Choose answers the places of the best adjacent free seats of a group with exactly the accessible places wished for,
// so with none for an ordinary order. found is false if no row has such seats. They are in the order of their row. The
// order of preference, each rule deciding among what the ones before left equal:
//
//  1. the row that is nearer the front, since rows are listed from the stage;
//  2. no single free seat left beside the choice: nobody buys it;
//  3. nearer the middle of the row;
//  4. further left, so that the answer is the same everywhere.
//
// In a general-admission area any free places will do, the lowest first. A map that is too short is free at its end, as
// Redis reads it.
func (w Wish) Choose(g readmodel.LayoutGroup, m seatstate.SeatMap) (places []int, found bool) {
	return adjacent(g, m, w.Quantity, w.Accessible, w.Accessible)
}

// LastResort is Choose for an ordinary order that would get nothing else: with as few accessible places as there can be,
// which comes before the four rules. It finds nothing for an order that may not have them.
func (w Wish) LastResort(g readmodel.LayoutGroup, m seatstate.SeatMap) (places []int, found bool) {
	if !w.HasLastResort() {
		return nil, false
	}
	return adjacent(g, m, w.Quantity, 0, w.Quantity)
}

// possible says whether Choose finds something in a group, or else LastResort does. It looks once: what has the fewest
// accessible places has none exactly if there is such a choice.
func (w Wish) possible(g readmodel.LayoutGroup, m seatstate.SeatMap) (chooses, lastResort bool) {
	if !w.HasLastResort() {
		_, found := w.Choose(g, m)
		return found, false
	}
	places, found := w.LastResort(g, m)
	if !found {
		return false, false
	}
	accessible := accessiblePlaces(g)
	reserved := slices.ContainsFunc(places, func(p int) bool { return isAccessible(accessible, p) })
	return !reserved, reserved
}
