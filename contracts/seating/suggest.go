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

// Adjacent seats, as many as were asked for, by their place: the nearest first.
const (
	SameRow   Why = "same_row"
	RowBehind Why = "row_behind"
	SameTier  Why = "same_tier"
)

// What is left where no such seats are adjacent any more.
const (
	// TwoRuns are as many seats, in two runs of one group.
	TwoRuns Why = "two_runs"
	// LongestRun are fewer seats: the most that are adjacent.
	LongestRun Why = "longest_run"
)

// Suggestion are free seats of one group that a buyer could have instead: adjacent ones, except for TwoRuns.
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
// same row". After the release a run may have more accessible places than were asked for, but has as few as its row allows.
func (r Rules) Suggest(asked Asked, groups []readmodel.LayoutGroup, maps []seatstate.Snapshot) []Suggestion {
	here := slices.IndexFunc(groups, func(g readmodel.LayoutGroup) bool { return g.Group == asked.Group })
	if here < 0 || len(asked.Places) == 0 {
		return nil
	}
	s := newSearch(r, len(asked.Places), asked.Accessible, groups, maps)
	if r.Released {
		s.most = s.n
	}
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

// search collects suggestions of n seats, of which least to most are accessible.
type search struct {
	rules          Rules
	n, least, most int
	groups         []readmodel.LayoutGroup
	maps           []seatstate.Snapshot
	// accessible has what accessiblePlaces returns for each group that was looked at, and rows the rows.
	accessible map[int][]bool
	rows       map[rowAt]scanned
	// free has the number of free places of each group that was looked at.
	free  map[int]int
	found []Suggestion
	// in has the index of the group of each suggestion.
	in []int
}

func newSearch(r Rules, n, accessible int, groups []readmodel.LayoutGroup, maps []seatstate.Snapshot) *search {
	return &search{rules: r, n: n, least: accessible, most: accessible, groups: groups, maps: maps, accessible: map[int][]bool{}, rows: map[rowAt]scanned{}, free: map[int]int{}}
}

// hasFew reports whether a group has fewer than n free places: then it is not searched row by row.
func (s *search) hasFew(group int) bool {
	free, known := s.free[group]
	if !known {
		for p := range s.groups[group].Seats {
			if s.maps[group].Map.At(p) == seatstate.Free {
				free++
			}
		}
		s.free[group] = free
	}
	return free < s.n
}

func (s *search) full() bool { return len(s.found) >= MaxSuggestions }

// add adds the run of a row that is nearest to middle, a distance from the middle of a row in half seats. It reports whether there
// is one.
func (s *search) add(at rowAt, middle int, why Why) bool {
	if at == nowhere || s.full() || !s.maps[at.group].Loaded || s.hasFew(at.group) {
		return false
	}
	places, found := s.nearest(at, middle)
	if found {
		s.take(at.group, places, why)
	}
	return found
}

func (s *search) take(group int, places []int, why Why) {
	s.found, s.in = append(s.found, suggestion(s.groups[group], places, why)), append(s.in, group)
}

// scanned is a row with the length of its longest run of free seats. Most rows of a hall that is nearly sold out have no run that is
// long enough, and are looked at once.
type scanned struct {
	rowChoices
	longest int
}

// row returns a row.
func (s *search) row(at rowAt) scanned {
	if row, known := s.rows[at]; known {
		return row
	}
	g := s.groups[at.group]
	accessible, known := s.accessible[at.group]
	if !known {
		accessible = accessiblePlaces(g)
		s.accessible[at.group] = accessible
	}
	row := scanned{rowChoices: rowChoices{row: at.row, free: s.maps[at.group].Map, accessible: accessible, places: rowPlaces(g, at.row)}}
	length := 0
	for i := range row.places {
		if length++; !row.isFree(i) {
			length = 0
		}
		row.longest = max(row.longest, length)
	}
	s.rows[at] = row
	return row
}

// nearest returns the run of a row that has the fewest accessible places, and of those the one that is nearest to middle. Of two
// that are equally near it returns the left one. In a general-admission area it returns the lowest places.
func (s *search) nearest(at rowAt, middle int) (places []int, found bool) {
	row := s.row(at)
	if g := s.groups[at.group]; g.Kind == readmodel.KindArea {
		return lowest(len(g.Seats), row.free, row.accessible, s.n, s.least, s.most)
	}
	best := choice{}
	for _, run := range s.runs(row, s.n) {
		run.distance = abs(2*run.first + s.n - len(row.places) - middle)
		if run.beats(best) {
			best = run.choice
		}
	}
	return slices.Clone(best.places), best.found()
}

// run is a choice with the index of its first seat in the row.
type run struct {
	choice
	first int
}

// runs returns the runs of n free seats of a row that break no rule, the left one first.
func (s *search) runs(row scanned, n int) (all []run) {
	if row.longest < n {
		return nil
	}
	for first := 0; first+n <= len(row.places); first++ {
		accessible, free := 0, true
		for at := first; at < first+n && free; at++ {
			if free = row.isFree(at); free && row.isAccessible(at) {
				accessible++
			}
		}
		if free && accessible >= s.least && accessible <= s.most && (!s.rules.NoSingleSeat || row.singles(first, n) == 0) {
			all = append(all, run{choice{places: row.places[first : first+n], accessible: accessible}, first})
		}
	}
	return all
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
		if i == group || !g.SameTier(s.groups[group]) || g.Kind != s.groups[group].Kind {
			continue
		}
		for r := range g.Rows {
			rows = append(rows, rowAt{i, r})
		}
	}
	return rows
}

// rowOf returns the row of the lowest place, and the middle of the places in that row: its distance from the middle of the row in
// half seats, to the right.
func rowOf(g readmodel.LayoutGroup, places []int) (row, middle int, found bool) {
	lowest := slices.Min(places)
	for r := range g.Rows {
		in := rowPlaces(g, r)
		if !slices.Contains(in, lowest) {
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
