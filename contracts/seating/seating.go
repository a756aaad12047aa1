// Package seating chooses seats: the best adjacent seats of a group by its map, and the groups that can meet an order. It is
// pure. A producer uses it to find the first group of an order. A consumer uses it to find the seats and, if there are none,
// the next group. Because both use the same functions, a producer does not accept an order for seats that a consumer would not
// give it, and does not refuse one that a consumer could serve.
//
// A seat that a wheelchair can use is *accessible*; every other seat is *ordinary*. An order that asks for accessible places
// gets exactly as many as it asks for, side by side with its other seats. An *ordinary order* asks for none. It gets accessible
// places only after they are released, and only as its last resort.
package seating

import (
	"slices"

	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// Wish is what an order for any adjacent seats asks for.
type Wish struct {
	// Section is "" for the whole concert.
	Section  string
	Quantity int
	// Accessible is the exact number of the Quantity that must be accessible places; 0 for an ordinary order.
	Accessible int
	// Released means that ordinary orders may get accessible places as their last resort.
	Released bool
}

// WishOf returns the wish of a message. released is readmodel.Concert.AccessibleReleased of its concert.
func WishOf(best message.BestAvailable, released bool) Wish {
	return Wish{Section: best.Section, Quantity: best.Quantity, Accessible: best.Accessible, Released: released}
}

// HasLastResort reports whether the order may get accessible places instead of ordinary ones.
func (w Wish) HasLastResort() bool { return w.Released && w.Accessible == 0 }

// Choose returns the places of the best adjacent free seats of a group, in the order of their row. Exactly w.Accessible of
// them are accessible. found is false if no row has such seats. Choices are compared by these rules; each rule decides between
// choices that are equal under all rules before it:
//
//  1. the row nearer the front, since rows are listed from the stage;
//  2. fewer single free seats left beside the choice, since single seats are hard to sell;
//  3. nearer the middle of the row;
//  4. further left, so that the result is the same everywhere.
//
// In a general-admission area the lowest free places are chosen; they need not be adjacent. Seats beyond the end of the map
// are free, as in Redis.
func (w Wish) Choose(g readmodel.LayoutGroup, m seatstate.SeatMap) (places []int, found bool) {
	return adjacent(g, m, w.Quantity, w.Accessible, w.Accessible)
}

// LastResort is Choose for an ordinary order that would get nothing else: the choice has as few accessible places as possible,
// which counts before the four rules of Choose. It finds nothing unless HasLastResort.
func (w Wish) LastResort(g readmodel.LayoutGroup, m seatstate.SeatMap) (places []int, found bool) {
	if !w.HasLastResort() {
		return nil, false
	}
	return adjacent(g, m, w.Quantity, 0, w.Quantity)
}

// possible reports whether Choose finds seats in a group, or else whether LastResort does. One search is enough: LastResort
// returns a choice with the fewest accessible places, which is 0 exactly if Choose finds seats.
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
