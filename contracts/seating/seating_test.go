package seating_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seating"
	"boxoffice/contracts/seatstate"
)

// drawn makes a group from a drawing: a line a row, "." free, "x" taken, "w" a free accessible seat.
func drawn(rows ...string) (readmodel.LayoutGroup, seatstate.SeatMap) {
	g := readmodel.LayoutGroup{Group: "G", Section: "S", Kind: readmodel.KindSeats}
	var taken []int
	for r, line := range rows {
		row := readmodel.LayoutRow{Name: fmt.Sprint(r)}
		for s, c := range line {
			seat := fmt.Sprintf("%d-%d", r, s)
			switch c {
			case 'x':
				taken = append(taken, len(g.Seats))
			case 'w':
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

func TestPreferences(t *testing.T) {
	for name, test := range map[string]struct {
		rows []string
		n    int
		want string
	}{
		"the middle of the front row":          {[]string{".....", "....."}, 1, "0-2"},
		"a pair in the middle":                 {[]string{"......"}, 2, "0-2 0-3"},
		"the front row before the middle":      {[]string{".xxxx", "....."}, 1, "0-0"},
		"no single seat is left over":          {[]string{"x...x"}, 2, "0-1 0-2"},
		"two seats are left rather than one":   {[]string{"xx....xx"}, 2, "0-2 0-3"},
		"a gap that fits exactly":              {[]string{"...x..x..."}, 2, "0-4 0-5"},
		"an accessible seat only when it must": {[]string{"w", "."}, 1, "1-0"},
		"an accessible seat when it must":      {[]string{"w", "x"}, 1, "0-0"},
		"never across a taken seat":            {[]string{".x.", ".x."}, 2, ""},
		"never across two rows":                {[]string{"xx.", ".xx"}, 2, ""},
		"more than a row has":                  {[]string{"...", "..."}, 4, ""},
		"none":                                 {[]string{"..."}, 0, ""},
		"the whole row":                        {[]string{"x..", "..."}, 3, "1-0 1-1 1-2"},
	} {
		t.Run(name, func(t *testing.T) {
			g, m := drawn(test.rows...)
			places, found := seating.Adjacent(g, m, test.n)
			if got := strings.Join(g.Names(places), " "); got != test.want || found != (test.want != "") {
				t.Errorf("got %q, %v; want %q", got, found, test.want)
			}
		})
	}
}

func TestAnAreaTakesAnyPlaces(t *testing.T) {
	g, m := drawn(".x.x.")
	g.Kind = readmodel.KindArea
	if places, found := seating.Adjacent(g, m, 3); !found || !slices.Equal(places, []int{0, 2, 4}) {
		t.Errorf("got %v, %v", places, found)
	}
	if _, found := seating.Adjacent(g, m, 4); found {
		t.Error("found more places than are free")
	}
}

// Redis drops trailing zero bytes that were never written: what a map lacks is free.
func TestAMapThatIsTooShortIsFreeAtItsEnd(t *testing.T) {
	g, _ := drawn(".........")
	if places, found := seating.Adjacent(g, nil, 9); !found || len(places) != 9 {
		t.Errorf("got %v, %v", places, found)
	}
}

func randomGroup(t *rapid.T) (readmodel.LayoutGroup, seatstate.SeatMap) {
	rows := rapid.SliceOfN(rapid.StringMatching(`[.xw]{1,9}`), 1, 5).Draw(t, "rows")
	return drawn(rows...)
}

// What is found is free, adjacent and of the right number; and something is found exactly if there is something.
func TestAdjacentAgainstEveryRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, m := randomGroup(t)
		n := rapid.IntRange(1, 6).Draw(t, "n")
		places, found := seating.Adjacent(g, m, n)
		exists := false
		at := 0
		for _, row := range g.Rows {
			for first := 0; first+n <= len(row.Seats); first++ {
				all := true
				for p := at + first; p < at+first+n; p++ {
					all = all && m.At(p) == seatstate.Free
				}
				exists = exists || all
			}
			at += len(row.Seats)
		}
		if found != exists {
			t.Fatalf("found is %v, there is one: %v", found, exists)
		}
		if !found {
			return
		}
		if len(places) != n {
			t.Fatalf("%d places, want %d", len(places), n)
		}
		for i, p := range places {
			if m.At(p) != seatstate.Free || i > 0 && p != places[i-1]+1 || rowOf(g, p) != rowOf(g, places[0]) {
				t.Fatalf("places %v of %v", places, g.Rows)
			}
		}
	})
}

func rowOf(g readmodel.LayoutGroup, place int) string {
	for _, row := range g.Rows {
		if slices.Contains(row.Seats, g.Seats[place]) {
			return row.Name
		}
	}
	return ""
}

func TestCandidates(t *testing.T) {
	full, fullMap := drawn("xx", "x.")
	pairs, pairsMap := drawn("xx", "..")
	groups := []readmodel.LayoutGroup{full, pairs, pairs, pairs}
	maps := []seatstate.Snapshot{{Loaded: true, Map: fullMap}, {}, {Loaded: true, Map: pairsMap}, {Loaded: true, Map: pairsMap}}
	for i, name := range []string{"a", "b", "c", "d"} {
		groups[i].Group = name
	}
	groups[3].Section = "T"
	for _, test := range []struct {
		section string
		n       int
		except  []string
		want    string
	}{
		{"", 2, nil, "c d b"},
		{"S", 2, nil, "c b"},
		{"T", 2, nil, "d"},
		{"", 1, nil, "a c d b"},
		{"", 2, []string{"c"}, "d b"},
		{"", 3, nil, ""},
		{"U", 1, nil, ""},
	} {
		if got := strings.Join(seating.Candidates(groups, maps, test.section, test.n, test.except), " "); got != test.want {
			t.Errorf("%d of %q without %v: got %q, want %q", test.n, test.section, test.except, got, test.want)
		}
	}
}

// Areas lie before the stage, so they are the first groups of a layout; who asks for adjacent seats of any section is
// sent there last.
func TestAreasStandInForSeatsThatAreGone(t *testing.T) {
	const full, single, pair, unknown = "xxxx", ".x.x", "xx..", ""
	for _, test := range []struct {
		area, near, far string // what the groups show
		section         string
		want            string
	}{
		{area: pair, near: pair, far: pair, want: "near far"},
		{area: pair, near: single, far: pair, want: "far"},
		{area: pair, near: unknown, far: pair, want: "far near"},
		{area: unknown, near: single, far: pair, want: "far"},
		{area: pair, near: single, far: full, want: "area"},
		{area: pair, near: unknown, far: full, want: "area near"},
		{area: unknown, near: unknown, far: unknown, want: "near far area"},
		{area: full, near: single, far: single, want: ""},
		{area: pair, near: pair, far: pair, section: "standing", want: "area"},
	} {
		var groups []readmodel.LayoutGroup
		var maps []seatstate.Snapshot
		for i, shown := range []string{test.area, test.near, test.far} {
			g, m := drawn(cmp.Or(shown, "...."))
			g.Group = []string{"area", "near", "far"}[i]
			if i == 0 {
				g.Kind, g.Section = readmodel.KindArea, "standing"
			}
			groups, maps = append(groups, g), append(maps, seatstate.Snapshot{Loaded: shown != unknown, Map: m})
		}
		if got := strings.Join(seating.Candidates(groups, maps, test.section, 2, nil), " "); got != test.want {
			t.Errorf("%+v: got %q", test, got)
		}
	}
}
