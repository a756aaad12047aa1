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

// flat writes candidates as text, with "," between kinds and "|" before the reserved ones. It omits kinds without groups.
func flat(c seating.Candidates) string {
	written := func(kinds [][]string) string {
		var parts []string
		for _, kind := range kinds {
			if len(kind) > 0 {
				parts = append(parts, strings.Join(kind, " "))
			}
		}
		return strings.Join(parts, ", ")
	}
	return strings.Trim(written(c.Ordinary)+" | "+written(c.Reserved), " ")
}

// hall has drawn groups by name. The drawing "" is a group that is not loaded.
type hall struct {
	groups []readmodel.LayoutGroup
	maps   []seatstate.Snapshot
}

func (h *hall) add(name string, loaded bool, rows ...string) *readmodel.LayoutGroup {
	g, m := drawn(rows...)
	g.Group = name
	h.groups = append(h.groups, g)
	h.maps = append(h.maps, seatstate.Snapshot{Loaded: loaded, Map: m})
	if !loaded {
		h.maps[len(h.maps)-1].Map = nil
	}
	return &h.groups[len(h.groups)-1]
}

func TestCandidates(t *testing.T) {
	var h hall
	h.add("a", true, "xx", "x.")
	h.add("b", false, "xx", "..")
	h.add("c", true, "xx", "..")
	h.add("d", true, "xx", "..").Section = "T"
	for _, test := range []struct {
		section string
		n       int
		except  []string
		want    string
	}{
		{"", 2, nil, "c d, b |"},
		{"S", 2, nil, "c, b |"},
		{"T", 2, nil, "d |"},
		{"", 1, nil, "a c d, b |"},
		{"", 2, []string{"c"}, "d, b |"},
		{"", 3, nil, "|"},
		{"U", 1, nil, "|"},
	} {
		wish := seating.Wish{Section: test.section, Quantity: test.n}
		if got := flat(wish.Candidates(h.groups, h.maps, test.except)); got != test.want {
			t.Errorf("%+v without %v: got %q, want %q", wish, test.except, got, test.want)
		}
	}
}

// Areas are in front of the stage, so they are the first groups of a layout. An order for adjacent seats of any section gets
// places of an area only if no ordinary seats are adjacent, but before accessible seats, which another buyer may need.
func TestAreasStandInForSeatsThatAreGone(t *testing.T) {
	const full, single, pair, needed, unknown = "xxxx", ".x.x", "xx..", "x.wx", ""
	for _, test := range []struct {
		area, near, far string // what the groups show
		section         string
		want            string
	}{
		{area: pair, near: pair, far: pair, want: "near far |"},
		{area: pair, near: single, far: pair, want: "far |"},
		{area: pair, near: unknown, far: pair, want: "far, near |"},
		{area: unknown, near: single, far: pair, want: "far |"},
		{area: pair, near: single, far: full, want: "area |"},
		{area: pair, near: unknown, far: full, want: "area, near |"},
		{area: unknown, near: unknown, far: unknown, want: "near far, area |"},
		{area: full, near: single, far: single, want: "|"},
		{area: pair, near: pair, far: pair, section: "standing", want: "area |"},
		{area: pair, near: needed, far: full, want: "area | near"},
		{area: full, near: needed, far: pair, want: "far | near"},
		{area: full, near: needed, far: unknown, want: "far | near"},
		{area: unknown, near: needed, far: needed, want: "area | near far"},
		{area: full, near: needed, far: full, want: "| near"},
	} {
		var h hall
		for i, shown := range []string{test.area, test.near, test.far} {
			g := h.add([]string{"area", "near", "far"}[i], shown != unknown, cmp.Or(shown, "...."))
			if i == 0 {
				g.Kind, g.Section = readmodel.KindArea, "standing"
			}
		}
		wish := seating.Wish{Section: test.section, Quantity: 2, Released: true}
		if got := flat(wish.Candidates(h.groups, h.maps, nil)); got != test.want {
			t.Errorf("%+v: got %q", test, got)
		}
		wish.Released = false
		before, _, _ := strings.Cut(test.want, "|")
		if got := flat(wish.Candidates(h.groups, h.maps, nil)); got != before+"|" {
			t.Errorf("%+v before the release: got %q", test, got)
		}
	}
}

func TestCandidatesForAccessiblePlaces(t *testing.T) {
	var h hall
	h.add("none", true, "....")
	h.add("alone", true, "xwx.")
	h.add("pair", true, "x.wx")
	h.add("taken", true, "x.W.")
	h.add("unknown", false, "..ww")
	h.add("unfit", false, "....")
	h.add("area", true, "....").Kind = readmodel.KindArea
	for _, test := range []struct {
		n, accessible int
		want          string
	}{
		{1, 0, "none alone pair taken, unknown unfit |"},
		{1, 1, "alone pair, unknown |"},
		{2, 0, "none, unknown unfit |"},
		{2, 1, "pair, unknown |"},
		{2, 2, "unknown |"},
		{3, 2, "unknown |"},
		{3, 3, "|"},
	} {
		for _, released := range []bool{false, true} {
			wish := seating.Wish{Quantity: test.n, Accessible: test.accessible, Released: released}
			want := test.want
			if wish == (seating.Wish{Quantity: 2, Released: true}) {
				want += " pair"
			}
			if got := flat(wish.Candidates(h.groups, h.maps, nil)); got != want {
				t.Errorf("%+v: got %q, want %q", wish, got, want)
			}
		}
	}
}

func TestNext(t *testing.T) {
	const full, pair, needed, unknown = "xxxx", "xx..", "x.wx", ""
	for _, test := range []struct {
		here, b, c string // what the groups show
		visited    string
		released   bool
		want       string
	}{
		{here: full, b: pair, c: pair, want: "b"},
		{here: full, b: unknown, c: pair, want: "c"},
		{here: full, b: unknown, c: full, want: "b"},
		{here: full, b: full, c: full, released: true, want: ""},
		{here: needed, b: needed, c: needed, want: ""},
		{here: needed, b: needed, c: pair, released: true, want: "c"},
		{here: needed, b: unknown, c: needed, released: true, want: "b"},
		{here: needed, b: needed, c: needed, released: true, want: "here"},
		{here: needed, b: pair, c: unknown, visited: "b", released: true, want: "c"},
		{here: needed, b: pair, c: unknown, visited: "b c", released: true, want: "here"},
		{here: full, b: needed, c: needed, released: true, want: "b"},
		{here: full, b: needed, c: needed, visited: "b", released: true, want: "c"},
		{here: full, b: needed, c: needed, visited: "b c", released: true, want: ""},
		// The group was lost from Redis after it was read: the caller must load it and try again.
		{here: unknown, b: full, c: full, released: true, want: "here"},
		{here: unknown, b: full, c: full, want: ""},
	} {
		var h hall
		for i, shown := range []string{test.here, test.b, test.c} {
			h.add([]string{"here", "b", "c"}[i], shown != unknown, cmp.Or(shown, "...."))
		}
		wish := seating.Wish{Quantity: 2, Released: test.released}
		got, found := wish.Next("here", h.groups, h.maps, strings.Fields(test.visited))
		if got != test.want || found != (test.want != "") {
			t.Errorf("%+v: got %q, %v", test, got, found)
		}
	}
}

// Candidates has every group with such seats, no group without, and each group in its kind. It has areas only if no group shows
// seats.
func TestCandidatesAreComplete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wish := seating.Wish{
			Section:  rapid.SampledFrom([]string{"", "S", "T"}).Draw(t, "section"),
			Quantity: rapid.IntRange(1, 4).Draw(t, "n"), Released: rapid.Bool().Draw(t, "released"),
		}
		wish.Accessible = rapid.SampledFrom([]int{0, 0, 1, wish.Quantity}).Draw(t, "accessible")
		var h hall
		var except []string
		// The groups worth trying: seats and areas that will do, and any group that will do as a last resort only; those
		// that are shown before those that are not loaded.
		var seats, areas, reserved [2][]string
		for i := range rapid.IntRange(0, 6).Draw(t, "groups") {
			rows := rapid.SliceOfN(rapid.StringMatching(`[.xwW]{1,6}`), 1, 3).Draw(t, "rows")
			kind := rapid.SampledFrom([]string{readmodel.KindSeats, readmodel.KindArea}).Draw(t, "kind")
			if kind == readmodel.KindArea {
				rows = rows[:1]
			}
			loaded := rapid.Bool().Draw(t, "loaded")
			g := h.add(fmt.Sprint(i), loaded, rows...)
			g.Kind, g.Section = kind, rapid.SampledFrom([]string{"S", "T"}).Draw(t, "in")
			visited := rapid.IntRange(0, 3).Draw(t, "visited") == 0
			if visited {
				except = append(except, g.Group)
			}
			if visited || wish.Section != "" && wish.Section != g.Section {
				continue
			}
			at := 0
			if !loaded {
				at = 1
				for r := range rows {
					rows[r] = strings.NewReplacer("x", ".", "W", "w").Replace(rows[r])
				}
			}
			runs := every(rows, wish.Quantity)
			fits, fitsAtLast := len(with(wish.Accessible, runs)) > 0, len(runs) > 0
			if kind == readmodel.KindArea {
				ordinary, accessible := strings.Count(rows[0], "."), strings.Count(rows[0], "w")
				fits = ordinary >= wish.Quantity-wish.Accessible && accessible >= wish.Accessible
				fitsAtLast = ordinary+accessible >= wish.Quantity
			}
			switch {
			case fits && kind == readmodel.KindArea:
				areas[at] = append(areas[at], g.Group)
			case fits:
				seats[at] = append(seats[at], g.Group)
			case fitsAtLast && wish.Released && wish.Accessible == 0:
				reserved[at] = append(reserved[at], g.Group)
			}
		}
		want := seating.Candidates{Ordinary: [][]string{seats[0], seats[1]}, Reserved: reserved[:]}
		if len(seats[0]) == 0 {
			want.Ordinary = [][]string{areas[0], seats[1], areas[1]}
		}
		got := wish.Candidates(h.groups, h.maps, except)
		if flat(got) != flat(want) {
			t.Fatalf("%+v without %v: got %q, want %q", wish, except, flat(got), flat(want))
		}
		for _, kind := range slices.Concat(want.Ordinary, want.Reserved) {
			if len(kind) > 0 {
				if !slices.Equal(got.Best(), kind) {
					t.Fatalf("the best are %v, want %v", got.Best(), kind)
				}
				return
			}
		}
		if len(got.Best()) > 0 {
			t.Fatalf("the best are %v, want none", got.Best())
		}
	})
}
