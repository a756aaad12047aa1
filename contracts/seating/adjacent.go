package seating

import (
	"slices"

	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// adjacent returns the places of the n best adjacent free seats of a group. Between least and most of them are accessible, as
// few as possible.
func adjacent(g readmodel.LayoutGroup, m seatstate.SeatMap, n, least, most int) (places []int, found bool) {
	if n < 1 || least < 0 || least > n {
		return nil, false
	}
	// Most groups of a hall that is nearly sold out end here.
	if !hasFree(len(g.Seats), m, n) {
		return nil, false
	}
	accessible := accessiblePlaces(g)
	if g.Kind == readmodel.KindArea {
		return lowest(len(g.Seats), m, accessible, n, least, most)
	}
	var best choice
	next := 0
	for r := range g.Rows {
		row := rowChoices{row: r, free: m, accessible: accessible}
		row.places, next = placesOf(g, r, next)
		if row.best(n, least, most, &best); best.found() && best.accessible == least {
			break // no row further back can be better
		}
	}
	return best.places, best.found()
}

// hasFree reports whether at least n of the first size places are free.
func hasFree(size int, m seatstate.SeatMap, n int) bool {
	for p := range size {
		if m.At(p) != seatstate.Free {
			continue
		}
		if n--; n <= 0 {
			return true
		}
	}
	return false
}

// accessiblePlaces says for each place whether it is accessible. It returns nil for a group without accessible places.
func accessiblePlaces(g readmodel.LayoutGroup) []bool {
	if len(g.Accessible) == 0 {
		return nil
	}
	accessible := make([]bool, len(g.Seats))
	next := 0
	for _, seat := range g.Accessible {
		if p := placeOf(g, seat, next); p != noPlace {
			accessible[p] = true
			next = p + 1
		}
	}
	return accessible
}

// isAccessible looks a place up in what accessiblePlaces returned.
func isAccessible(accessible []bool, place int) bool { return accessible != nil && accessible[place] }

// noPlace stands for a seat that a row names and the group does not have. It is never free, and its neighbours are not
// adjacent to each other.
const noPlace = -1

// placeOf returns the place of a seat, or noPlace if the group does not have the seat. The search begins at from: layouts list
// seats, rows and accessible seats in the same order, so that usually the first comparison matches.
func placeOf(g readmodel.LayoutGroup, seat string, from int) int {
	if p := slices.Index(g.Seats[from:], seat); p >= 0 {
		return from + p
	}
	// Index returns -1, which is noPlace, if it finds nothing.
	return slices.Index(g.Seats[:from], seat)
}

// placesOf returns the place of each seat of row r. next is where the row probably begins, and after is where the following
// row probably begins.
func placesOf(g readmodel.LayoutGroup, r, next int) (places []int, after int) {
	places = make([]int, len(g.Rows[r].Seats))
	for i, seat := range g.Rows[r].Seats {
		if places[i] = placeOf(g, seat, next); places[i] != noPlace {
			next = places[i] + 1
		}
	}
	return places, next
}

// lowest returns the n lowest free places. Between least and most of them are accessible, as few as possible.
func lowest(size int, m seatstate.SeatMap, accessible []bool, n, least, most int) ([]int, bool) {
	var ordinary, reserved []int
	for p := range size {
		switch {
		case m.At(p) != seatstate.Free:
		case isAccessible(accessible, p):
			reserved = append(reserved, p)
		default:
			ordinary = append(ordinary, p)
		}
	}
	take := max(least, n-len(ordinary))
	if take > most || take > len(reserved) || n-take > len(ordinary) {
		return nil, false
	}
	places := slices.Concat(ordinary[:n-take], reserved[:take])
	slices.Sort(places)
	return places, true
}

// choice is a run of adjacent seats with the numbers by which choices are compared, the most important first. Lower is better.
type choice struct {
	places []int
	// The number of accessible seats in it, its row, the number of single seats that it leaves, and its distance from the middle
	// of the row in half seats.
	accessible, row, singles, distance int
}

func (c choice) found() bool { return c.places != nil }

// beats reports whether c is better than o. Of equal choices the first one stays, which is further left.
func (c choice) beats(o choice) bool {
	switch {
	case !o.found():
		return true
	case c.accessible != o.accessible:
		return c.accessible < o.accessible
	case c.row != o.row:
		return c.row < o.row
	case c.singles != o.singles:
		return c.singles < o.singles
	default:
		return c.distance < o.distance
	}
}

// rowChoices finds the choices in one row.
type rowChoices struct {
	row        int
	places     []int
	free       seatstate.SeatMap
	accessible []bool
}

// isFree reports whether the row has a seat at an index and that seat is free. at may be outside the row.
func (r rowChoices) isFree(at int) bool {
	return at >= 0 && at < len(r.places) && r.places[at] != noPlace && r.free.At(r.places[at]) == seatstate.Free
}

func (r rowChoices) isAccessible(at int) bool { return isAccessible(r.accessible, r.places[at]) }

// best replaces the choice best if this row has a better one. Its time is linear in the length of the row.
func (r rowChoices) best(n, least, most int, best *choice) {
	free, reserved := 0, 0
	for at := range r.places {
		if !r.isFree(at) {
			free, reserved = 0, 0
			continue
		}
		free++
		if r.isAccessible(at) {
			reserved++
		}
		if free > n && r.isAccessible(at-n) {
			reserved--
		}
		if free < n || reserved < least || reserved > most {
			continue
		}
		first := at - n + 1
		c := choice{accessible: reserved, row: r.row, distance: abs(first + at - (len(r.places) - 1))}
		c.singles = r.singles(first, n)
		c.places = r.places[first : at+1]
		if c.beats(*best) {
			c.places = slices.Clone(c.places)
			*best = c
		}
	}
}

// singles returns how many single seats the n seats from first leave beside them.
func (r rowChoices) singles(first, n int) (left int) {
	if r.isFree(first-1) && !r.isFree(first-2) {
		left++
	}
	if r.isFree(first+n) && !r.isFree(first+n+1) {
		left++
	}
	return left
}

// alone returns the free seats beside the taken ones that have no free neighbour without them. at in taken may be outside the row.
func (r rowChoices) alone(taken func(at int) bool) (alone []int) {
	open := func(at int) bool { return r.isFree(at) && !taken(at) }
	for at := range r.places {
		if open(at) && !open(at-1) && !open(at+1) && (taken(at-1) || taken(at+1)) {
			alone = append(alone, r.places[at])
		}
	}
	return alone
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
