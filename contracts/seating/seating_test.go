package seating_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seating"
	"boxoffice/contracts/seatstate"
)

func TestPreferences(t *testing.T) {
	for name, test := range map[string]struct {
		rows               []string
		n, accessible      int
		choice, lastChoice string
	}{
		"the middle of the front row":         {rows: []string{".....", "....."}, n: 1, choice: "0-2"},
		"a pair in the middle":                {rows: []string{"......"}, n: 2, choice: "0-2 0-3"},
		"the front row before the middle":     {rows: []string{".xxxx", "....."}, n: 1, choice: "0-0"},
		"no single seat is left over":         {rows: []string{"x...x"}, n: 2, choice: "0-1 0-2"},
		"two seats are left rather than one":  {rows: []string{"xx....xx"}, n: 2, choice: "0-2 0-3"},
		"a gap that fits exactly":             {rows: []string{"...x..x..."}, n: 2, choice: "0-4 0-5"},
		"never across a taken seat":           {rows: []string{".x.", ".x."}, n: 2},
		"never across two rows":               {rows: []string{"xx.", ".xx"}, n: 2},
		"more than a row has":                 {rows: []string{"...", "..."}, n: 4},
		"none":                                {rows: []string{"..."}, n: 0},
		"the whole row":                       {rows: []string{"x..", "..."}, n: 3, choice: "1-0 1-1 1-2"},
		"an ordinary seat before another":     {rows: []string{"w", "."}, n: 1, choice: "1-0", lastChoice: "1-0"},
		"an accessible one as a last resort":  {rows: []string{"w", "x"}, n: 1, lastChoice: "0-0"},
		"never across an accessible seat":     {rows: []string{".w.", "xxx"}, n: 3, lastChoice: "0-0 0-1 0-2"},
		"as few accessible ones as can be":    {rows: []string{"ww.x", "x.wx"}, n: 2, lastChoice: "0-1 0-2"},
		"few accessible ones before the row":  {rows: []string{"wwx", "xw."}, n: 2, lastChoice: "1-1 1-2"},
		"one accessible place and a friend":   {rows: []string{"....", "ww.."}, n: 2, accessible: 1, choice: "1-1 1-2"},
		"two accessible places and a friend":  {rows: []string{".w..", "ww.."}, n: 3, accessible: 2, choice: "1-0 1-1 1-2"},
		"accessible places alone":             {rows: []string{"....", "w.ww"}, n: 2, accessible: 2, choice: "1-2 1-3"},
		"no more accessible places than that": {rows: []string{"www"}, n: 2, accessible: 1},
		"no fewer accessible places":          {rows: []string{".w.w."}, n: 3, accessible: 3},
		"an accessible place that is taken":   {rows: []string{".W.."}, n: 2, accessible: 1},
		"more accessible places than seats":   {rows: []string{"www"}, n: 2, accessible: 3},
		"less than none":                      {rows: []string{"www..."}, n: 2, accessible: -1},
	} {
		t.Run(name, func(t *testing.T) {
			g, m := drawn(test.rows...)
			wish := seating.Wish{Quantity: test.n, Accessible: test.accessible}
			places, found := wish.Choose(g, m)
			if got := strings.Join(g.Names(places), " "); got != test.choice || found != (test.choice != "") {
				t.Errorf("chose %q, %v; want %q", got, found, test.choice)
			}
			if places, found := wish.LastResort(g, m); found {
				t.Errorf("before the release the last resort is %v", g.Names(places))
			}
			wish.Released = true
			if after, _ := wish.Choose(g, m); !slices.Equal(after, places) {
				t.Errorf("after the release it chose %v", g.Names(after))
			}
			places, found = wish.LastResort(g, m)
			if test.lastChoice == "" && test.accessible == 0 {
				test.lastChoice = test.choice
			}
			if got := strings.Join(g.Names(places), " "); got != test.lastChoice || found != (test.lastChoice != "") {
				t.Errorf("the last resort is %q, %v; want %q", got, found, test.lastChoice)
			}
		})
	}
}

func TestTheWishOfAMessage(t *testing.T) {
	got := seating.WishOf(message.BestAvailable{Section: "S", Quantity: 3, Accessible: 1}, true)
	if want := (seating.Wish{Section: "S", Quantity: 3, Accessible: 1, Released: true}); got != want {
		t.Errorf("got %+v", got)
	}
}

func TestAnAreaTakesAnyPlaces(t *testing.T) {
	g, m := drawn(".x.x.")
	g.Kind = readmodel.KindArea
	if places, found := (seating.Wish{Quantity: 3}).Choose(g, m); !found || !slices.Equal(places, []int{0, 2, 4}) {
		t.Errorf("got %v, %v", places, found)
	}
	if _, found := (seating.Wish{Quantity: 4}).Choose(g, m); found {
		t.Error("found more places than are free")
	}
	if _, found := (seating.Wish{Quantity: 1, Accessible: 1}).Choose(g, m); found {
		t.Error("found an accessible place where there is none")
	}
}

// The map in Redis lacks trailing zero bytes that were never written: the missing seats are free.
func TestAMapThatIsTooShortIsFreeAtItsEnd(t *testing.T) {
	g, _ := drawn(".........")
	if places, found := (seating.Wish{Quantity: 9}).Choose(g, nil); !found || len(places) != 9 {
		t.Errorf("got %v, %v", places, found)
	}
}

// A seat that a row names and the group does not have is a gap: it cannot be chosen, and its neighbours are not adjacent.
func TestASeatMissingFromTheGroupIsAGap(t *testing.T) {
	g, m := drawn("....")
	g.Rows[0].Seats = []string{"0-0", "0-1", "nowhere", "0-2", "0-3"}
	g.Accessible = []string{"nowhere"}
	if places, found := (seating.Wish{Quantity: 3}).Choose(g, m); found {
		t.Errorf("got %v across a gap", places)
	}
	if places, _ := (seating.Wish{Quantity: 2}).Choose(g, m); len(places) != 2 || places[1] != places[0]+1 || places[0] == 1 {
		t.Errorf("got %v", places)
	}
	if places, found := (seating.Wish{Quantity: 1, Accessible: 1}).Choose(g, m); found {
		t.Errorf("got %v for an accessible seat that is not there", places)
	}
}

func TestTheChoiceIsTheBestOfAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.StringMatching(`[.xwW]{1,9}|[.x]{9,14}`), 1, 4).Draw(t, "rows")
		wish := seating.Wish{Quantity: rapid.IntRange(1, 4).Draw(t, "n"), Released: rapid.Bool().Draw(t, "released")}
		wish.Accessible = rapid.IntRange(0, wish.Quantity).Draw(t, "accessible")
		g, m := drawn(rows...)
		if rapid.Bool().Draw(t, "shuffled") {
			g, m = shuffled(t, g, m)
		}
		runs := every(rows, wish.Quantity)
		choice, lastChoice := best(with(wish.Accessible, runs)), ""
		if wish.Released && wish.Accessible == 0 {
			lastChoice = best(runs)
		}
		places, found := wish.Choose(g, m)
		if got := strings.Join(g.Names(places), " "); got != choice || found != (choice != "") {
			t.Fatalf("%+v of %q: got %q, want %q", wish, rows, got, choice)
		}
		places, found = wish.LastResort(g, m)
		if got := strings.Join(g.Names(places), " "); got != lastChoice || found != (lastChoice != "") {
			t.Fatalf("%+v of %q: the last resort is %q, want %q", wish, rows, got, lastChoice)
		}
	})
}

func TestAnAreaHasAnyPlacesExactlyWhenEnoughAreFree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		row := rapid.StringMatching(`[.xwW]{1,30}`).Draw(t, "row")
		wish := seating.Wish{Quantity: rapid.IntRange(1, 6).Draw(t, "n"), Released: rapid.Bool().Draw(t, "released")}
		wish.Accessible = rapid.IntRange(0, wish.Quantity).Draw(t, "accessible")
		g, m := drawn(row)
		g.Kind = readmodel.KindArea
		ordinary, accessible := strings.Count(row, "."), strings.Count(row, "w")
		check := func(places []int, found bool, want int) {
			t.Helper()
			if enough := ordinary >= wish.Quantity-want && accessible >= want; found != enough {
				t.Fatalf("%+v of %q: found is %v", wish, row, found)
			}
			if !found {
				return
			}
			got := 0
			for i, p := range places {
				if m.At(p) != seatstate.Free || i > 0 && p <= places[i-1] {
					t.Fatalf("%+v of %q: places %v", wish, row, places)
				}
				if row[p] == 'w' {
					got++
				}
			}
			if len(places) != wish.Quantity || got != want {
				t.Fatalf("%+v of %q: places %v", wish, row, places)
			}
			for p := range row {
				if i := strings.LastIndexByte(row[:p], row[p]); i >= 0 && slices.Contains(places, p) && !slices.Contains(places, i) && m.At(i) == seatstate.Free {
					t.Fatalf("%+v of %q: places %v are not the lowest", wish, row, places)
				}
			}
		}
		places, found := wish.Choose(g, m)
		check(places, found, wish.Accessible)
		if places, found = wish.LastResort(g, m); wish.Released && wish.Accessible == 0 {
			check(places, found, max(0, wish.Quantity-ordinary))
		} else if found {
			t.Fatalf("%+v of %q: the last resort is %v", wish, row, places)
		}
	})
}
