package seating

import (
	"cmp"
	"slices"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// MaxSuggestions is the maximum number of suggestions of an answer.
const MaxSuggestions = 3

// Why says where suggested seats are, compared with those that were asked for.
type Why string

// The places of suggestions, the nearest first.
const (
	SameRow   Why = "same_row"
	RowBehind Why = "row_behind"
	SameTier  Why = "same_tier"
)

// Suggestion is a run of adjacent free seats that a buyer could have instead.
type Suggestion struct {
	Seats  []string        `json:"seats"`
	Amount contracts.Money `json:"amount"`
	Why    Why             `json:"why"`
}

// Asked are the seats that an order could not get.
type Asked struct {
	Group  string
	Places []int
	// Accessible is how many accessible places a suggestion has.
	Accessible int
}

// Suggest returns at most MaxSuggestions runs of as many adjacent free seats as were asked for, no two in one row: the nearest in
// the row of the first asked seat, the nearest in the row behind it, and then runs in other rows of the same tier, the nearest
// row of the same group first. The row behind is the next one in the layout's order: the next row of the group, or else the first
// row of the next group of the section. maps has the map of each group, in the order of groups; a group that is not loaded is
// not suggested. With NoSingleSeat no suggestion leaves a single seat. In a general-admission area any free places are "in the
// same row".
func (r Rules) Suggest(asked Asked, groups []readmodel.LayoutGroup, maps []seatstate.Snapshot) []Suggestion {
	here := slices.IndexFunc(groups, func(g readmodel.LayoutGroup) bool { return g.Group == asked.Group })
	if here < 0 || len(asked.Places) == 0 {
		return nil
	}
	s := search{rules: r, n: len(asked.Places), accessible: asked.Accessible, groups: groups, maps: maps}
	row, middle, found := rowOf(groups[here], asked.Places)
	if !found {
		return nil
	}
	behind := s.rowBehind(here, row)
	s.add(rowAt{here, row}, middle, SameRow)
	s.add(behind, middle, RowBehind)
	for _, at := range s.sameTier(here, row) {
		if at != behind {
			s.add(at, middle, SameTier)
		}
	}
	return s.found
}

// SuggestElsewhere returns at most MaxSuggestions choices for a wish that the groups of its section cannot meet: the best seats of
// groups outside the section, in the tiers that it has. maps has the map of each group, in the order of groups.
func (w Wish) SuggestElsewhere(groups []readmodel.LayoutGroup, maps []seatstate.Snapshot) []Suggestion {
	var tiers []string
	for _, g := range groups {
		if g.Section == w.Section {
			tiers = append(tiers, g.Tier)
		}
	}
	var all []Suggestion
	for i, g := range groups {
		if len(all) == MaxSuggestions {
			break
		}
		if g.Section == w.Section || !slices.Contains(tiers, g.Tier) || !maps[i].Loaded {
			continue
		}
		if places, found := w.Choose(g, maps[i].Map); found {
			all = append(all, suggestion(g, places, SameTier))
		}
	}
	return all
}

func suggestion(g readmodel.LayoutGroup, places []int, why Why) Suggestion {
	return Suggestion{
		Seats: g.Names(places), Why: why,
		Amount: contracts.Money{Minor: g.Price.Minor * int64(len(places)), Currency: g.Price.Currency},
	}
}

// rowAt is a row of a layout, by its indexes.
type rowAt struct{ group, row int }

// nowhere is no row.
var nowhere = rowAt{-1, -1}

// search collects suggestions.
type search struct {
	rules         Rules
	n, accessible int
	groups        []readmodel.LayoutGroup
	maps          []seatstate.Snapshot
	found         []Suggestion
}

// add adds the run of a row that is nearest to middle, a distance from the middle of a row in half seats.
func (s *search) add(at rowAt, middle int, why Why) {
	if at == nowhere || len(s.found) == MaxSuggestions || !s.maps[at.group].Loaded {
		return
	}
	g := s.groups[at.group]
	if places, found := s.nearest(g, s.maps[at.group].Map, at.row, middle); found {
		s.found = append(s.found, suggestion(g, places, why))
	}
}

// nearest returns the run of a row that is nearest to middle. Of two that are equally near it returns the left one.
func (s *search) nearest(g readmodel.LayoutGroup, m seatstate.SeatMap, r, middle int) (places []int, found bool) {
	reserved := accessiblePlaces(g)
	if g.Kind == readmodel.KindArea {
		return lowest(len(g.Seats), m, reserved, s.n, s.accessible, s.accessible)
	}
	row := rowChoices{row: r, free: m, accessible: reserved, places: rowPlaces(g, r)}
	best := -1
	for first := 0; first+s.n <= len(row.places); first++ {
		run, accessible := row.places[first:first+s.n], 0
		free := true
		for at := first; at < first+s.n && free; at++ {
			if free = row.isFree(at); free && row.isAccessible(at) {
				accessible++
			}
		}
		if !free || accessible != s.accessible || s.rules.NoSingleSeat && len(leftAlone(g, m, run)) > 0 {
			continue
		}
		if distance := abs(2*first + s.n - len(row.places) - middle); best < 0 || distance < best {
			best, places = distance, run
		}
	}
	return slices.Clone(places), best >= 0
}

// rowBehind returns the next row in the layout's order.
func (s *search) rowBehind(group, row int) rowAt {
	if row+1 < len(s.groups[group].Rows) {
		return rowAt{group, row + 1}
	}
	next := group + 1
	if next < len(s.groups) && s.groups[next].Section == s.groups[group].Section && s.groups[next].Kind == readmodel.KindSeats && len(s.groups[next].Rows) > 0 {
		return rowAt{next, 0}
	}
	return nowhere
}

// sameTier returns the other rows of the tier: those of the group by their distance from row, then those of the other groups in
// the layout's order.
func (s *search) sameTier(group, row int) []rowAt {
	var rows []rowAt
	for r := range s.groups[group].Rows {
		if r != row {
			rows = append(rows, rowAt{group, r})
		}
	}
	slices.SortStableFunc(rows, func(a, b rowAt) int { return cmp.Compare(abs(a.row-row), abs(b.row-row)) })
	for i, g := range s.groups {
		if i == group || g.Tier != s.groups[group].Tier || g.Kind != s.groups[group].Kind {
			continue
		}
		for r := range g.Rows {
			rows = append(rows, rowAt{i, r})
		}
	}
	return rows
}

// rowOf returns the row of the first place, and the middle of the places in that row: its distance from the middle of the row in
// half seats, to the right.
func rowOf(g readmodel.LayoutGroup, places []int) (row, middle int, found bool) {
	for r := range g.Rows {
		in := rowPlaces(g, r)
		if !slices.Contains(in, places[0]) {
			continue
		}
		first, last := len(in), 0
		for at, p := range in {
			if slices.Contains(places, p) {
				first, last = min(first, at), at
			}
		}
		return r, first + last + 1 - len(in), true
	}
	return 0, 0, false
}

// rowPlaces returns the places of a row.
func rowPlaces(g readmodel.LayoutGroup, row int) []int {
	next := 0
	for r := range row {
		next += len(g.Rows[r].Seats)
	}
	places, _ := placesOf(g, row, min(next, len(g.Seats)))
	return places
}
