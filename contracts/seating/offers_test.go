package seating_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seating"
	"boxoffice/contracts/seatstate"
)

// groupOfSeats returns the index of the one group that has all the seats, and their places.
func (h hall) groupOfSeats(t *rapid.T, only seating.Suggestion) (group int, places []int) {
	for i, g := range h.groups {
		if places, _, ok := g.Places(only.Seats); ok {
			return i, places
		}
	}
	t.Fatalf("%v are not in one group", only.Seats)
	return 0, nil
}

// drawnHall returns groups of two sections and two tiers, whose seats have different names, and rules for them.
func drawnHall(t *rapid.T) (h hall, rules seating.Rules) {
	for i := range rapid.IntRange(1, 4).Draw(t, "groups") {
		rows := rapid.SliceOfN(rapid.StringMatching(`[.xwW]{1,9}|[.x]{4,12}|[x.]x{2,5}[.]{1,4}`), 1, 3).Draw(t, "rows")
		name := string(rune('a' + i))
		g := h.add(name, rapid.IntRange(0, 5).Draw(t, "loaded") > 0, rows...)
		rename := func(seats []string) {
			for k := range seats {
				seats[k] = name + seats[k]
			}
		}
		g.Seats, g.Accessible = slices.Clone(g.Seats), slices.Clone(g.Accessible)
		rename(g.Seats)
		rename(g.Accessible)
		for r := range g.Rows {
			g.Rows[r].Seats = slices.Clone(g.Rows[r].Seats)
			rename(g.Rows[r].Seats)
		}
		tier := rapid.IntRange(1, 2).Draw(t, "tier")
		g.Section, g.Price = rapid.SampledFrom([]string{"S", "T"}).Draw(t, "section"), contracts.Money{Minor: int64(100 * tier), Currency: "EUR"}
		if rapid.IntRange(0, 4).Draw(t, "area") == 0 && len(g.Rows) == 1 {
			g.Kind = readmodel.KindArea
		}
	}
	return h, seating.Rules{
		LimitPerOrder: 20, LimitPerBuyer: 20,
		NoSingleSeat: rapid.Bool().Draw(t, "no single seat"), Released: rapid.IntRange(0, 2).Draw(t, "released") == 0,
	}
}

// wouldPass wants an order for suggested seats, placed at once with the same number of accessible places, to break no rule: its
// seats are free seats of one loaded group, none is there twice, and the price is theirs.
func (h hall) wouldPass(t *rapid.T, rules seating.Rules, s seating.Suggestion, accessible int) (group int, places []int) {
	group, places = h.groupOfSeats(t, s)
	g := h.groups[group]
	for i, p := range places {
		if !h.maps[group].Loaded || h.maps[group].Map.At(p) != seatstate.Free || slices.Contains(places[:i], p) {
			t.Fatalf("%s of %v is not free, or there twice", g.Seats[p], s)
		}
	}
	if breach := rules.Check(g, h.maps[group], places, min(accessible, len(places))); breach.Rule != "" {
		t.Fatalf("%v breaks %s about %v", s, breach.Rule, g.Names(breach.Places))
	}
	if s.Amount.Minor != g.Price.Minor*int64(len(places)) || s.Amount.Currency != g.Price.Currency {
		t.Fatalf("%v costs otherwise", s)
	}
	return group, places
}

// runsOf returns the lengths of the runs that seats of a group are, by row.
func runsOf(g readmodel.LayoutGroup, seats []string) (lengths []int) {
	for _, row := range g.Rows {
		length := 0
		for i := range len(row.Seats) + 1 {
			switch in := i < len(row.Seats) && slices.Contains(seats, row.Seats[i]); {
			case in:
				length++
			case length > 0:
				lengths = append(lengths, length)
				length = 0
			}
		}
	}
	return lengths
}

// Whatever is drawn: what is suggested to an order for named seats would pass when it is ordered at once, has the same number of
// seats, is one run, and no two suggestions are in one row. The order in which the seats were named changes nothing.
func TestEverySuggestionToAnOrderWouldPass(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, rules := drawnHall(t)
		g := h.groups[rapid.IntRange(0, len(h.groups)-1).Draw(t, "group")]
		named := rapid.Permutation(g.Seats).Draw(t, "named")
		named = named[:rapid.IntRange(1, min(5, len(named))).Draw(t, "n")]
		accessible := rapid.IntRange(0, len(named)).Draw(t, "accessible")
		places, _, _ := g.Places(named)
		got := rules.Suggest(rules.AskedFor(g, places, accessible), h.groups, h.maps)
		if len(got) > seating.MaxSuggestions {
			t.Fatalf("%d suggestions", len(got))
		}
		var rows []string
		for _, s := range got {
			group, _ := h.wouldPass(t, rules, s, accessible)
			of := h.groups[group]
			if len(s.Seats) != len(named) || of.Kind == readmodel.KindSeats && !slices.Equal(runsOf(of, s.Seats), []int{len(named)}) {
				t.Fatalf("%v is no run for %v", s, named)
			}
			if s.Why == seating.SameTier && of.Price != g.Price {
				t.Fatalf("%v is of another tier than %v", s, named)
			}
			for _, row := range of.Rows {
				if slices.Contains(row.Seats, s.Seats[0]) {
					if slices.Contains(rows, row.Seats[0]) {
						t.Fatalf("two suggestions in the row of %v", s)
					}
					rows = append(rows, row.Seats[0])
				}
			}
		}
		slices.Reverse(named)
		places, _, _ = g.Places(named)
		again := rules.Suggest(rules.AskedFor(g, places, accessible), h.groups, h.maps)
		if !slices.EqualFunc(got, again, func(a, b seating.Suggestion) bool { return slices.Equal(a.Seats, b.Seats) && a.Why == b.Why }) {
			t.Fatalf("%v named in another order: %v, then %v", named, got, again)
		}
	})
}

// Whatever is drawn: what is suggested to an order for any adjacent seats would pass when it is ordered at once, and is what its
// word says.
func TestEverySuggestionToAWishWouldPass(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, rules := drawnHall(t)
		wish := seating.Wish{
			Section: rapid.SampledFrom([]string{"", "S", "T"}).Draw(t, "of"), Quantity: rapid.IntRange(1, 6).Draw(t, "quantity"), Released: rules.Released,
		}
		wish.Accessible = rapid.IntRange(0, wish.Quantity).Draw(t, "accessible")
		if !rules.CompanionsFit(wish.Quantity, wish.Accessible) {
			t.Skip("POST refuses such a wish")
		}
		got := rules.SuggestTo(wish, h.groups, h.maps)
		if len(got) > seating.MaxSuggestions {
			t.Fatalf("%d suggestions", len(got))
		}
		for _, s := range got {
			group, _ := h.wouldPass(t, rules, s, wish.Accessible)
			g, runs := h.groups[group], runsOf(h.groups[group], s.Seats)
			inSection := wish.Section == "" || g.Section == wish.Section
			ok := false
			switch s.Why {
			case seating.SameTier:
				ok = len(s.Seats) == wish.Quantity && (len(runs) == 1 || g.Kind == readmodel.KindArea)
			case seating.TwoRuns:
				ok = len(s.Seats) == wish.Quantity && wish.Accessible == 0 && len(runs) == 2
			case seating.LongestRun:
				ok = len(s.Seats) < wish.Quantity && wish.Accessible == 0 && inSection && (len(runs) == 1 || g.Kind == readmodel.KindArea)
			}
			if !ok {
				t.Fatalf("%+v: %v in runs of %v", wish, s, runs)
			}
		}
		// A wish that a group of its section can meet, and no rule forbids, is always told so.
		if !rules.NoSingleSeat {
			for i, g := range h.groups {
				if _, found := wish.Choose(g, h.maps[i].Map); found && h.maps[i].Loaded && (wish.Section == "" || g.Section == wish.Section) && (len(got) == 0 || got[0].Why != seating.SameTier) {
					t.Fatalf("%+v: group %s has such seats; suggested %v", wish, g.Group, got)
				}
			}
		}
	})
}

// Orders that are refused suggest much to many buyers at once. The worst case: an arena in which only single seats are free.
func BenchmarkSuggestToInASoldOutArena(b *testing.B) {
	var h hall
	rows := slices.Repeat([]string{".x.x.x.x.x.x.x.x.x.x"}, 14)
	for i := range 100 {
		h.add(string(rune('a'+i%26))+string(rune('a'+i/26)), true, rows...)
	}
	rules := seating.Rules{NoSingleSeat: true}
	for b.Loop() {
		if got := rules.SuggestTo(seating.Wish{Quantity: 4}, h.groups, h.maps); len(got) != 1 {
			b.Fatalf("got %v", got)
		}
	}
}
