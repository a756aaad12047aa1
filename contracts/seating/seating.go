// Package seating chooses seats: the best adjacent ones of a group by its map, and the groups that are worth trying. It
// is pure, and both sides use it: a producer to find the first group of an order, a consumer to find the seats and, where
// there are none, the next group.
package seating

import (
	"slices"

	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// Adjacent answers the places of the n best adjacent free seats of a group, in the order of their row, or false if no
// row has so many side by side. The order of preference, each rule deciding among what the ones before left equal:
//
//  1. no accessible seat, since those are few and somebody needs them;
//  2. the row that is nearer the front, since rows are listed from the stage;
//  3. no single free seat left beside the choice: nobody buys it;
//  4. nearer the middle of the row;
//  5. further left, so that the answer is the same everywhere.
//
// In a general-admission area any n free places will do, the lowest first. A map that is too short is free at its end,
// as Redis reads it.
func Adjacent(g readmodel.LayoutGroup, m seatstate.SeatMap, n int) (places []int, found bool) {
	if n < 1 {
		return nil, false
	}
	if g.Kind == readmodel.KindArea {
		return lowest(len(g.Seats), m, n)
	}
	index := make(map[string]int, len(g.Seats))
	for i, seat := range g.Seats {
		index[seat] = i
	}
	accessible := make(map[int]bool, len(g.Accessible))
	for _, seat := range g.Accessible {
		accessible[index[seat]] = true
	}
	var best choice
	for r, row := range g.Rows {
		places := make([]int, 0, len(row.Seats))
		for _, seat := range row.Seats {
			if p, known := index[seat]; known {
				places = append(places, p)
			}
		}
		c := rowChoices{row: r, places: places, free: func(at int) bool {
			return at >= 0 && at < len(places) && m.At(places[at]) == seatstate.Free
		}, accessible: accessible}
		if c.best(n, &best); best.found() && best.accessible == 0 {
			break // no row further back can be better
		}
	}
	return best.places, best.found()
}

// lowest are the n lowest free places.
func lowest(size int, m seatstate.SeatMap, n int) ([]int, bool) {
	var places []int
	for p := range size {
		if m.At(p) == seatstate.Free {
			if places = append(places, p); len(places) == n {
				return places, true
			}
		}
	}
	return nil, false
}

// choice is a run of adjacent seats with what speaks against it, in the order of preference.
type choice struct {
	places []int
	// accessible seats in it, its row, single seats that it leaves, its distance from the middle in half seats.
	accessible, row, singles, distance int
}

func (c choice) found() bool { return c.places != nil }

// beats says whether c is better than o. Equal ones keep the first found, which is further left.
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

// rowChoices are the choices of one row.
type rowChoices struct {
	row        int
	places     []int
	free       func(at int) bool
	accessible map[int]bool
}

// best improves on a choice by those of this row. It looks at each seat a fixed number of times.
func (r rowChoices) best(n int, best *choice) {
	free, reserved := 0, 0
	for at := range r.places {
		if !r.free(at) {
			free, reserved = 0, 0
			continue
		}
		free++
		if r.accessible[r.places[at]] {
			reserved++
		}
		if free > n && r.accessible[r.places[at-n]] {
			reserved--
		}
		if free < n {
			continue
		}
		first := at - n + 1
		c := choice{accessible: reserved, row: r.row, distance: abs(first + at - (len(r.places) - 1))}
		if r.free(first-1) && !r.free(first-2) {
			c.singles++
		}
		if r.free(at+1) && !r.free(at+2) {
			c.singles++
		}
		c.places = r.places[first : at+1]
		if c.beats(*best) {
			c.places = slices.Clone(c.places)
			*best = c
		}
	}
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

// Candidates answers the names of the groups that are worth trying for n adjacent seats, the best first: those of the
// section ("" for any), not among except, whose map shows such seats. Equal ones are in the order of the layout. maps are
// in the order of groups.
//
// A group that is not loaded comes after those that show such seats, since nothing is known of it. General-admission
// areas are answered only where no group shows adjacent seats: a place to stand is not what was asked for, but better
// than nothing to who named no section, and it must not be mixed with seats, since callers may try any of the first few.
func Candidates(groups []readmodel.LayoutGroup, maps []seatstate.Snapshot, section string, n int, except []string) []string {
	var seats, areas, unknownSeats, unknownAreas []string
	for i, g := range groups {
		if section != "" && g.Section != section || slices.Contains(except, g.Group) {
			continue
		}
		shown, unknown := &seats, &unknownSeats
		if g.Kind == readmodel.KindArea {
			shown, unknown = &areas, &unknownAreas
		}
		if !maps[i].Loaded {
			if n >= 1 && fits(g, n) {
				*unknown = append(*unknown, g.Group)
			}
		} else if _, found := Adjacent(g, maps[i].Map, n); found {
			*shown = append(*shown, g.Group)
		}
	}
	if len(seats) > 0 {
		return append(seats, unknownSeats...)
	}
	return slices.Concat(areas, unknownSeats, unknownAreas)
}

// fits says whether a group could ever have n adjacent seats.
func fits(g readmodel.LayoutGroup, n int) bool {
	if g.Kind == readmodel.KindArea {
		return len(g.Seats) >= n
	}
	return slices.ContainsFunc(g.Rows, func(r readmodel.LayoutRow) bool { return len(r.Seats) >= n })
}
