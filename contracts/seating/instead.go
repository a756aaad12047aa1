package seating

import (
	"slices"

	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// SuggestTo returns at most MaxSuggestions choices for a wish that got no seats, the best first:
//
//  1. SameTier: as many adjacent seats after all. The groups of the section come first, since seats come free, and then those of
//     the same tiers elsewhere; areas come last, since a place to stand is not what the buyer asked for.
//  2. TwoRuns, if the section has no such seats: as many seats in two runs of one group, as even and as near to each other as can
//     be; in the section if it has them, else in the same tiers elsewhere.
//  3. LongestRun, if the section has no such seats: the most adjacent seats that it has.
//
// Whoever asks for accessible places gets only what has exactly so many, beside the other seats. Each choice breaks no rule. maps
// has the map of each group, in the order of groups; a group that is not loaded is not suggested.
func (r Rules) SuggestTo(w Wish, groups []readmodel.LayoutGroup, maps []seatstate.Snapshot) []Suggestion {
	if w.Quantity < 1 {
		return nil
	}
	s := newSearch(r, w.Quantity, w.Accessible, groups, maps)
	section, elsewhere := groupsFor(w, groups)
	s.addSameSize(section, elsewhere)
	if w.HasLastResort() {
		s.most = s.n
		s.addSameSize(section, elsewhere)
	}
	if w.Accessible > 0 || slices.ContainsFunc(section, s.has) {
		return s.found
	}
	for _, g := range slices.Concat(section, elsewhere) {
		if s.addTwoRuns(g) {
			break
		}
	}
	s.addLongestRun(section)
	return s.found
}

// groupsFor returns the indexes of the groups of a wish's section, and of the other groups of their tiers: areas last.
func groupsFor(w Wish, groups []readmodel.LayoutGroup) (section, elsewhere []int) {
	for i, g := range groups {
		if w.Section == "" || g.Section == w.Section {
			section = append(section, i)
		}
	}
	for i, g := range groups {
		if !slices.Contains(section, i) && slices.ContainsFunc(section, func(in int) bool { return groups[in].SameTier(g) }) {
			elsewhere = append(elsewhere, i)
		}
	}
	areasLast := func(a, b int) int {
		return boolToInt(groups[a].Kind == readmodel.KindArea) - boolToInt(groups[b].Kind == readmodel.KindArea)
	}
	slices.SortStableFunc(section, areasLast)
	slices.SortStableFunc(elsewhere, areasLast)
	return section, elsewhere
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// addSameSize adds the best run of each group that has one and is not among those found.
func (s *search) addSameSize(section, elsewhere []int) {
	for _, g := range slices.Concat(section, elsewhere) {
		for r := range s.groups[g].Rows {
			if s.has(g) || s.add(rowAt{g, r}, 0, SameTier) {
				break
			}
		}
	}
}

// has reports whether seats of a group are among those found.
func (s *search) has(group int) bool { return slices.Contains(s.in, group) }

// addTwoRuns adds two runs of one group, and reports whether the group has them. The sizes of the runs count first, the more even the better, then the
// distance between their rows, and then which is nearer the front.
func (s *search) addTwoRuns(group int) bool {
	g := s.groups[group]
	if s.full() || !s.maps[group].Loaded || g.Kind == readmodel.KindArea || s.has(group) || s.hasFew(group) {
		return false
	}
	rows := make([]scanned, len(g.Rows))
	for r := range rows {
		rows[r] = s.row(rowAt{group, r})
	}
	for larger := (s.n + 1) / 2; larger < s.n; larger++ {
		if places, found := s.twoRuns(rows, larger); found {
			s.take(group, places, TwoRuns)
			return true
		}
	}
	return false
}

// twoRuns returns the places of the best two runs, of which one has a number of seats.
func (s *search) twoRuns(rows []scanned, larger int) (places []int, found bool) {
	large, small := make([][]run, len(rows)), make([][]run, len(rows))
	some := false
	for r, row := range rows {
		large[r] = ordinaryFirst(s.runs(row, larger))
		some = some || len(large[r]) > 0
	}
	if !some {
		return nil, false
	}
	for r, row := range rows {
		small[r] = ordinaryFirst(s.runs(row, s.n-larger))
	}
	for apart := range rows {
		for r := range rows {
			for _, other := range []int{r + apart, r - apart} {
				if other < 0 || other >= len(rows) || len(large[r]) == 0 {
					continue
				}
				if places, found = s.pair(rows[r], large[r], small[other], apart == 0); found {
					return places, true
				}
			}
		}
	}
	return nil, false
}

// ordinaryFirst sorts runs by their accessible places, the fewest first.
func ordinaryFirst(runs []run) []run {
	slices.SortStableFunc(runs, func(a, b run) int { return a.accessible - b.accessible })
	return runs
}

// pair returns the places of a run of each list, the lower first. Two runs of one row must not overlap, and together they must
// leave no single seat.
func (s *search) pair(row scanned, large, small []run, oneRow bool) (places []int, found bool) {
	for _, a := range large {
		for _, b := range small {
			both := slices.Concat(a.places, b.places)
			slices.Sort(both)
			if !oneRow {
				return both, true
			}
			if a.first < b.first+len(b.places) && b.first < a.first+len(a.places) {
				continue
			}
			taken := func(at int) bool { return at >= 0 && at < len(row.places) && slices.Contains(both, row.places[at]) }
			if !s.rules.NoSingleSeat || len(row.alone(taken)) == 0 {
				return both, true
			}
		}
	}
	return nil, false
}

// addLongestRun adds the most adjacent seats that one of the groups has, fewer than n.
func (s *search) addLongestRun(section []int) {
	for s.n--; s.n > 0; s.n-- {
		for _, g := range section {
			for r := range s.groups[g].Rows {
				if s.full() || s.add(rowAt{g, r}, 0, LongestRun) {
					return
				}
			}
		}
	}
}
