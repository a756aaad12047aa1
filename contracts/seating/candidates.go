package seating

import (
	"slices"

	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// Candidates are the names of the groups that are worth trying for a wish, by kind, the better kind first. A caller may
// try any group of a kind, but must not pass over a kind that has any: an order would take accessible places, or a place
// to stand, while there is something better. Inside a kind they are in the order of the layout.
type Candidates struct {
	// Ordinary have such seats or may have them: their map shows them, or they are not loaded.
	Ordinary [][]string
	// Reserved have them only with accessible places that an ordinary order may have as its last resort: those whose map
	// shows them, then those that are not loaded.
	Reserved [][]string
}

// Best is the best kind that has any groups; none if nothing can meet the wish.
func (c Candidates) Best() []string {
	if best := firstOf(c.Ordinary); len(best) > 0 {
		return best
	}
	return firstOf(c.Reserved)
}

func firstOf(kinds [][]string) []string {
	for _, kind := range kinds {
		if len(kind) > 0 {
			return kind
		}
	}
	return nil
}

// Candidates ranks the groups of the section, not among except. maps are in the order of groups.
//
// A group that is not loaded comes after those that show such seats, since nothing is known of it. General-admission
// areas are answered only where no group shows adjacent seats: a place to stand is not what was asked for, but better
// than nothing to who named no section. Both come before a group where accessible places would have to do, which somebody
// else may need.
func (w Wish) Candidates(groups []readmodel.LayoutGroup, maps []seatstate.Snapshot, except []string) Candidates {
	var seats, areas, reserved groupsByKnown
	for i, g := range groups {
		if w.Section != "" && g.Section != w.Section || slices.Contains(except, g.Group) {
			continue
		}
		switch chooses, lastResort := w.possible(g, known(maps[i])); {
		case chooses && g.Kind == readmodel.KindArea:
			areas.add(g.Group, maps[i].Loaded)
		case chooses:
			seats.add(g.Group, maps[i].Loaded)
		case lastResort:
			reserved.add(g.Group, maps[i].Loaded)
		}
	}
	c := Candidates{Reserved: [][]string{reserved.shown, reserved.unknown}}
	if len(seats.shown) > 0 {
		c.Ordinary = [][]string{seats.shown, seats.unknown}
	} else {
		c.Ordinary = [][]string{areas.shown, seats.unknown, areas.unknown}
	}
	return c
}

// groupsByKnown are groups whose map is there, and those whose map is not.
type groupsByKnown struct{ shown, unknown []string }

func (k *groupsByKnown) add(group string, loaded bool) {
	if loaded {
		k.shown = append(k.shown, group)
	} else {
		k.unknown = append(k.unknown, group)
	}
}

// Next answers where an order goes on whose group, here, showed no such seats to Choose: to the best group that it has
// not come through (visited), or to its LastResort here, which is answered as here itself. found is false when nothing is
// left for it.
//
// Accessible places are taken here only once no other group has or may have ordinary seats; and rather here than in
// another group that would have to take them as well.
func (w Wish) Next(here string, groups []readmodel.LayoutGroup, maps []seatstate.Snapshot, visited []string) (group string, found bool) {
	c := w.Candidates(groups, maps, append(slices.Clone(visited), here))
	if len(firstOf(c.Ordinary)) == 0 && w.lastResortIn(here, groups, maps) {
		return here, true
	}
	best := c.Best()
	if len(best) == 0 {
		return "", false
	}
	return best[0], true
}

// lastResortIn says whether a group has seats for LastResort. One that is not loaded any more may have: the caller loads
// it and looks again.
func (w Wish) lastResortIn(here string, groups []readmodel.LayoutGroup, maps []seatstate.Snapshot) bool {
	at := slices.IndexFunc(groups, func(g readmodel.LayoutGroup) bool { return g.Group == here })
	if at < 0 {
		return false
	}
	_, found := w.LastResort(groups[at], known(maps[at]))
	return found
}

// known is the map of a group; of one that is not loaded it is free all over: what the group could have at best.
func known(s seatstate.Snapshot) seatstate.SeatMap {
	if !s.Loaded {
		return nil
	}
	return s.Map
}
