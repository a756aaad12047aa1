package catalogue

import (
	"fmt"
	"slices"
	"testing"

	"boxoffice/contracts/readmodel"
)

func arenaOf(t *testing.T) Entry {
	t.Helper()
	entries := sample(t)
	i := slices.IndexFunc(entries, func(e Entry) bool { return e.Layout == LayoutArena })
	if i < 0 {
		t.Fatal("no concert is in the arena")
	}
	return entries[i]
}

func TestTheArenaHasOver20000SeatsInManyGroups(t *testing.T) {
	arena := arenaOf(t)
	if n := arena.Seats(); n < 20_000 {
		t.Errorf("the arena has %d seats", n)
	}
	if n := len(arena.Groups); n < 100 || n > 400 {
		t.Errorf("the arena has %d groups", n)
	}
	seen := map[string]string{}
	for _, g := range arena.Groups {
		for _, seat := range g.Seats {
			if other, twice := seen[seat]; twice {
				t.Errorf("seat %s is in %s and in %s", seat, other, g.Group)
			}
			seen[seat] = g.Group
		}
	}
}

func TestAnAreaIsOneRowOfNumberedPlacesInAnOutline(t *testing.T) {
	areas := 0
	for _, g := range arenaOf(t).Groups {
		if g.Kind != readmodel.KindArea {
			continue
		}
		areas++
		if len(g.Seats) < 200 || len(g.Seats) > 300 || len(g.Rows) != 1 || !slices.Equal(g.Rows[0].Seats, g.Seats) {
			t.Errorf("area %s: %d places, %d rows", g.Group, len(g.Seats), len(g.Rows))
		}
		last := fmt.Sprintf("GA-%d-%04d", areas, len(g.Seats))
		if g.Seats[0] != fmt.Sprintf("GA-%d-0001", areas) || g.Seats[len(g.Seats)-1] != last {
			t.Errorf("area %s: places %s to %s", g.Group, g.Seats[0], g.Seats[len(g.Seats)-1])
		}
		if s := g.Shape; s.Rows != nil || len(s.Polygons()) == 0 {
			t.Errorf("area %s: shape %+v", g.Group, s)
		}
	}
	if areas != 6 {
		t.Errorf("%d areas, want 6", areas)
	}
}

// A concert without a limit in its file has the default.
func TestEveryConcertHasALimitPerBuyer(t *testing.T) {
	chosen := map[string]int{"static-bloom-2030": 4, "colossus-2030": 6}
	for _, e := range sample(t) {
		c := e.Concert
		want, found := chosen[c.ConcertID]
		if !found {
			want = max(8, c.LimitPerOrder)
		}
		if c.LimitPerBuyer != want || c.BuyerLimit() != want {
			t.Errorf("%s has a limit of %d, want %d", c.ConcertID, c.LimitPerBuyer, want)
		}
		delete(chosen, c.ConcertID)
	}
	if len(chosen) > 0 {
		t.Errorf("no concert is %v", chosen)
	}
}
