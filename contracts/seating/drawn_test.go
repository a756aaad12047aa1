package seating_test

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// drawn makes a group from a drawing. A line is a row, "." a free seat, "x" a taken one, "w" a free accessible seat, "W" a
// taken accessible seat.
func drawn(rows ...string) (readmodel.LayoutGroup, seatstate.SeatMap) {
	g := readmodel.LayoutGroup{Group: "G", Section: "S", Kind: readmodel.KindSeats}
	var taken []int
	for r, line := range rows {
		row := readmodel.LayoutRow{Name: fmt.Sprint(r)}
		for s, c := range line {
			seat := fmt.Sprintf("%d-%d", r, s)
			if c == 'x' || c == 'W' {
				taken = append(taken, len(g.Seats))
			}
			if c == 'w' || c == 'W' {
				g.Accessible = append(g.Accessible, seat)
			}
			row.Seats = append(row.Seats, seat)
			g.Seats = append(g.Seats, seat)
		}
		g.Rows = append(g.Rows, row)
	}
	m := seatstate.NewSeatMap(len(g.Seats))
	for _, p := range taken {
		m.Set(p, seatstate.Held)
	}
	return g, m
}

// shuffled returns a group whose seats are in another order than in its rows, which a layout may have, and the map for it.
func shuffled(t *rapid.T, g readmodel.LayoutGroup, m seatstate.SeatMap) (readmodel.LayoutGroup, seatstate.SeatMap) {
	seats := rapid.Permutation(g.Seats).Draw(t, "places")
	moved := seatstate.NewSeatMap(len(seats))
	for place, seat := range seats {
		moved.Set(place, m.At(slices.Index(g.Seats, seat)))
	}
	g.Seats, g.Accessible = seats, rapid.Permutation(g.Accessible).Draw(t, "accessible")
	return g, moved
}

// ranked is a run of a drawing with the numbers by which runs are compared, the most important first.
type ranked struct {
	seats   string
	against [5]int
}

// accessible returns the number of accessible seats of the run.
func (r ranked) accessible() int { return r.against[0] }

// every lists all runs of n free seats of a drawing. It reads only the drawn text.
func every(rows []string, n int) []ranked {
	var all []ranked
	for r, row := range rows {
		for first := 0; first+n <= len(row); first++ {
			run := row[first : first+n]
			if strings.ContainsAny(run, "xW") {
				continue
			}
			// The row with the run taken, and a wall at each end.
			after := "xx" + row[:first] + strings.Repeat("x", n) + row[first+n:] + "xx"
			after = strings.NewReplacer("w", ".", "W", "x").Replace(after)
			singles := 0
			if after[first:first+3] == "x.x" {
				singles++
			}
			if after[first+n+1:first+n+4] == "x.x" {
				singles++
			}
			// Seats on the left of the run against seats on its right.
			off := first - (len(row) - first - n)
			names := make([]string, n)
			for i := range n {
				names[i] = fmt.Sprintf("%d-%d", r, first+i)
			}
			all = append(all, ranked{
				seats:   strings.Join(names, " "),
				against: [5]int{strings.Count(run, "w"), r, singles, max(off, -off), first},
			})
		}
	}
	return all
}

// with returns the runs with exactly k accessible seats.
func with(k int, runs []ranked) []ranked {
	return slices.DeleteFunc(slices.Clone(runs), func(r ranked) bool { return r.accessible() != k })
}

// best returns the names of the seats of the best run, or "" if there is none.
func best(runs []ranked) string {
	if len(runs) == 0 {
		return ""
	}
	return slices.MinFunc(runs, func(a, b ranked) int { return slices.Compare(a.against[:], b.against[:]) }).seats
}
