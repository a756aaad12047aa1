package seating_test

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// drawn makes a group from a drawing: a line a row, "." free, "x" taken, "w" a free accessible seat, "W" a taken one.
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

// shuffled lists the seats of a group in another order than its rows have them, as a layout may, with the map to it.
func shuffled(t *rapid.T, g readmodel.LayoutGroup, m seatstate.SeatMap) (readmodel.LayoutGroup, seatstate.SeatMap) {
	seats := rapid.Permutation(g.Seats).Draw(t, "places")
	moved := seatstate.NewSeatMap(len(seats))
	for place, seat := range seats {
		moved.Set(place, m.At(slices.Index(g.Seats, seat)))
	}
	g.Seats, g.Accessible = seats, rapid.Permutation(g.Accessible).Draw(t, "accessible")
	return g, moved
}

// ranked is a run of a drawing with what speaks against it, most important first.
type ranked struct {
	seats   string
	against [5]int
}

// accessible is how many accessible seats the run has.
func (r ranked) accessible() int { return r.against[0] }

// every lists all runs of n free seats of a drawing. It looks at the drawn text alone.
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

// with keeps the runs with exactly k accessible seats.
func with(k int, runs []ranked) []ranked {
	return slices.DeleteFunc(slices.Clone(runs), func(r ranked) bool { return r.accessible() != k })
}

// best names the seats of the best run; "" of none.
func best(runs []ranked) string {
	if len(runs) == 0 {
		return ""
	}
	return slices.MinFunc(runs, func(a, b ranked) int { return slices.Compare(a.against[:], b.against[:]) }).seats
}
