package seating_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seating"
	"boxoffice/contracts/seatstate"
)

// ranked is a run of a drawing with what speaks against it, most important first.
type ranked struct {
	seats   string
	against [5]int
}

// every lists all runs of n free seats of a drawing. It looks at the drawn text alone.
func every(rows []string, n int) []ranked {
	var all []ranked
	for r, row := range rows {
		for first := 0; first+n <= len(row); first++ {
			run := row[first : first+n]
			if strings.Contains(run, "x") {
				continue
			}
			// The row with the run taken, and a wall at each end.
			after := "xx" + row[:first] + strings.Repeat("x", n) + row[first+n:] + "xx"
			after = strings.ReplaceAll(after, "w", ".")
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

func TestTheChoiceIsTheBestOfAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.StringMatching(`[.xw]{1,9}|[.x]{9,14}`), 1, 4).Draw(t, "rows")
		n := rapid.IntRange(1, 4).Draw(t, "n")
		want := ""
		if all := every(rows, n); len(all) > 0 {
			want = slices.MinFunc(all, func(a, b ranked) int { return slices.Compare(a.against[:], b.against[:]) }).seats
		}
		g, m := drawn(rows...)
		places, _ := seating.Adjacent(g, m, n)
		if got := strings.Join(g.Names(places), " "); got != want {
			t.Fatalf("%d of %q: got %q, want %q", n, rows, got, want)
		}
	})
}

func TestAnAreaHasAnyPlacesExactlyWhenEnoughAreFree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		row := rapid.StringMatching(`[.x]{1,30}`).Draw(t, "row")
		n := rapid.IntRange(1, 6).Draw(t, "n")
		g, m := drawn(row)
		g.Kind = readmodel.KindArea
		places, found := seating.Adjacent(g, m, n)
		if found != (strings.Count(row, ".") >= n) {
			t.Fatalf("%d of %q: found is %v", n, row, found)
		}
		if found && (len(places) != n || !slices.IsSorted(places) || len(slices.Compact(slices.Clone(places))) != n) {
			t.Fatalf("%d of %q: places %v", n, row, places)
		}
		for _, p := range places {
			if m.At(p) != seatstate.Free {
				t.Fatalf("%d of %q: place %d is taken", n, row, p)
			}
		}
	})
}

// A group that has such seats is never left out, one that has none is never named, and what is shown comes first. Areas
// stand in only where no seats are shown.
func TestCandidatesAreComplete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(t, "n")
		section := rapid.SampledFrom([]string{"", "S", "T"}).Draw(t, "section")
		var groups []readmodel.LayoutGroup
		var maps []seatstate.Snapshot
		var except []string
		// The groups worth trying, by kind and by whether their map is there.
		worth := map[string]map[bool][]string{readmodel.KindSeats: {}, readmodel.KindArea: {}}
		for i := range rapid.IntRange(0, 6).Draw(t, "groups") {
			rows := rapid.SliceOfN(rapid.StringMatching(`[.xw]{1,6}`), 1, 3).Draw(t, "rows")
			kind := rapid.SampledFrom([]string{readmodel.KindSeats, readmodel.KindArea}).Draw(t, "kind")
			if kind == readmodel.KindArea {
				rows = rows[:1]
			}
			g, m := drawn(rows...)
			g.Group, g.Kind = fmt.Sprint(i), kind
			g.Section = rapid.SampledFrom([]string{"S", "T"}).Draw(t, "in")
			loaded, visited := rapid.Bool().Draw(t, "loaded"), rapid.IntRange(0, 3).Draw(t, "visited") == 0
			groups, maps = append(groups, g), append(maps, seatstate.Snapshot{Loaded: loaded, Map: m})
			if !loaded {
				maps[i].Map = nil
			}
			if visited {
				except = append(except, g.Group)
			}
			if visited || section != "" && section != g.Section {
				continue
			}
			large := slices.ContainsFunc(rows, func(row string) bool { return len(row) >= n })
			has := len(every(rows, n)) > 0
			if kind == readmodel.KindArea {
				has = strings.Count(rows[0], "x")+n <= len(rows[0])
			}
			if loaded && has || !loaded && large {
				worth[kind][loaded] = append(worth[kind][loaded], g.Group)
			}
		}
		seats, areas := worth[readmodel.KindSeats], worth[readmodel.KindArea]
		want := slices.Concat(seats[true], seats[false])
		if len(seats[true]) == 0 {
			want = slices.Concat(areas[true], seats[false], areas[false])
		}
		if got := seating.Candidates(groups, maps, section, n, except); !slices.Equal(got, want) {
			t.Fatalf("%d of %q without %v: got %v, want %v", n, section, except, got, want)
		}
	})
}
