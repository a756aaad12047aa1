package seating

import (
	"slices"

	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// Candidates are the names of the groups that can meet a wish, by kind, the better kind first. A caller may try any group of
// a kind, but must not skip a kind that has groups: the order would get accessible places, or a place to stand, while there is
// something better. Within a kind the groups are in the order of the layout.
type Candidates struct {
	// Ordinary has the groups whose map shows such seats, and the groups that are not loaded.
	Ordinary [][]string
	// Reserved has the groups that can meet the wish only with accessible places, as the last resort of an ordinary order:
	// first the groups whose map shows them, then those that are not loaded.
	Reserved [][]string
}

// Best returns the best kind that has groups, or none if no group can meet the wish.
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

// Candidates ranks the groups of the section that are not in except. maps has the map of each group, in the order of groups.
//
// A group that is not loaded comes after those that show such seats, since nothing is known about it. General-admission areas
// are returned only if no group shows adjacent seats: a place to stand is not what the buyer asked for, but better than
// nothing. Groups that would need accessible places come last, since another buyer may need those places.
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

// groupsByKnown are groups whose map shows such seats, and groups whose map is unknown because they are not loaded.
type groupsByKnown struct{ shown, unknown []string }

func (k *groupsByKnown) add(group string, loaded bool) {
	if loaded {
		k.shown = append(k.shown, group)
	} else {
		k.unknown = append(k.unknown, group)
	}
}

// Next returns the group that an order tries after Choose found nothing in its group, here. That is the best group that it has
// not visited, or here itself if the order should use its LastResort there. found is false if no group is left.
//
// The order gets accessible places here only if no other group has, or may have, ordinary seats. It then gets them here rather
// than in another group that would also need accessible places.
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

// lastResortIn reports whether a group has seats for LastResort. It is also true for a group that is not loaded any more and
// may have such seats: the caller loads it and tries again.
func (w Wish) lastResortIn(here string, groups []readmodel.LayoutGroup, maps []seatstate.Snapshot) bool {
	at := slices.IndexFunc(groups, func(g readmodel.LayoutGroup) bool { return g.Group == here })
	if at < 0 {
		return false
	}
	_, found := w.LastResort(groups[at], known(maps[at]))
	return found
}

// known returns the map of a group. For a group that is not loaded it returns nil, a map on which every seat is free.
func known(s seatstate.Snapshot) seatstate.SeatMap {
	if !s.Loaded {
		return nil
	}
	return s.Map
}
