package seating_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seating"
	"boxoffice/contracts/seatstate"
)

// table is testdata/rules.v1.json, which other programs read as well.
type table struct {
	About   []string `json:"about"`
	Choices []struct {
		Name       string   `json:"name"`
		Rows       []string `json:"rows"`
		Quantity   int      `json:"quantity"`
		Accessible int      `json:"accessible"`
		Released   bool     `json:"released"`
		LastResort bool     `json:"lastResort"`
		Seats      []string `json:"seats"`
	} `json:"choices"`
	Limits []struct {
		Name          string       `json:"name"`
		LimitPerOrder int          `json:"limitPerOrder"`
		LimitPerBuyer int          `json:"limitPerBuyer"`
		Wanted        int          `json:"wanted"`
		Counted       int          `json:"counted"`
		Code          seating.Rule `json:"code"`
	} `json:"limits"`
	Orders      []orderCase `json:"orders"`
	Wishes      []wishCase  `json:"wishes"`
	Suggestions []orderCase `json:"suggestions"`
}

type orderCase struct {
	Name         string         `json:"name"`
	Rows         []string       `json:"rows"`
	Area         bool           `json:"area"`
	Unknown      bool           `json:"unknown"`
	NoSingleSeat bool           `json:"noSingleSeat"`
	Released     bool           `json:"released"`
	Accessible   int            `json:"accessible"`
	Seats        []string       `json:"seats"`
	Code         seating.Rule   `json:"code"`
	About        []string       `json:"about"`
	Suggestions  []suggestedRun `json:"suggestions"`
}

// wishCase is an order for any adjacent seats that found none.
type wishCase struct {
	orderCase
	Quantity int `json:"quantity"`
}

type suggestedRun struct {
	Seats []string    `json:"seats"`
	Why   seating.Why `json:"why"`
}

func readTable(t *testing.T) table {
	t.Helper()
	raw, err := os.ReadFile("testdata/rules.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	var all table
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		t.Fatal(err)
	}
	if len(all.Choices) < 5 || len(all.Limits) < 5 || len(all.Orders) < 20 || len(all.Wishes) < 10 || len(all.Suggestions) < 5 {
		t.Fatalf("the table has %d, %d, %d, %d and %d cases", len(all.Choices), len(all.Limits), len(all.Orders), len(all.Wishes), len(all.Suggestions))
	}
	return all
}

// hall returns the group, its state and the rules of a case.
func (c orderCase) hall() (readmodel.LayoutGroup, seatstate.Snapshot, seating.Rules) {
	g, m := drawn(c.Rows...)
	g.Price = contracts.Money{Minor: 100, Currency: "EUR"}
	if c.Area {
		g.Kind = readmodel.KindArea
	}
	return g, seatstate.Snapshot{Loaded: !c.Unknown, Map: m}, seating.Rules{NoSingleSeat: c.NoSingleSeat, Released: c.Released}
}

func (c orderCase) compareSuggestions(t *testing.T, got []seating.Suggestion) {
	t.Helper()
	ok := len(got) == len(c.Suggestions)
	for i := 0; ok && i < len(got); i++ {
		ok = slices.Equal(got[i].Seats, c.Suggestions[i].Seats) && got[i].Why == c.Suggestions[i].Why &&
			got[i].Amount == contracts.Money{Minor: int64(100 * len(got[i].Seats)), Currency: "EUR"}
	}
	if !ok {
		t.Errorf("suggested %+v, want %+v", got, c.Suggestions)
	}
}

func TestTheTableOfRules(t *testing.T) {
	all := readTable(t)
	for _, c := range all.Choices {
		t.Run("choices/"+c.Name, func(t *testing.T) {
			g, m := drawn(c.Rows...)
			wish := seating.Wish{Quantity: c.Quantity, Accessible: c.Accessible, Released: c.Released}
			places, found := wish.Choose(g, m)
			if c.LastResort {
				places, found = wish.LastResort(g, m)
			}
			if !slices.Equal(g.Names(places), append([]string{}, c.Seats...)) || found != (len(c.Seats) > 0) {
				t.Errorf("chose %v, want %v", g.Names(places), c.Seats)
			}
		})
	}
	for _, c := range all.Limits {
		t.Run("limits/"+c.Name, func(t *testing.T) {
			if got := (seating.Rules{LimitPerOrder: c.LimitPerOrder, LimitPerBuyer: c.LimitPerBuyer}).Limits(c.Wanted, c.Counted); got != c.Code {
				t.Errorf("got %q, want %q", got, c.Code)
			}
		})
	}
	for _, c := range all.Orders {
		t.Run("orders/"+c.Name, func(t *testing.T) {
			g, s, rules := c.hall()
			places, _, _ := g.Places(c.Seats)
			got := rules.Check(g, s, places, c.Accessible)
			if got.Rule != c.Code || !slices.Equal(g.Names(got.Places), append([]string{}, c.About...)) {
				t.Errorf("got %q about %v, want %q about %v", got.Rule, g.Names(got.Places), c.Code, c.About)
			}
			c.compareSuggestions(t, got.Instead)
		})
	}
	for _, c := range all.Wishes {
		t.Run("wishes/"+c.Name, func(t *testing.T) {
			g, s, rules := c.hall()
			wish := seating.Wish{Quantity: c.Quantity, Accessible: c.Accessible, Released: c.Released}
			c.compareSuggestions(t, rules.SuggestTo(wish, []readmodel.LayoutGroup{g}, []seatstate.Snapshot{s}))
		})
	}
	for _, c := range all.Suggestions {
		t.Run("suggestions/"+c.Name, func(t *testing.T) {
			g, s, rules := c.hall()
			places, _, _ := g.Places(c.Seats)
			c.compareSuggestions(t, rules.Suggest(seating.Asked{Group: g.Group, Places: places, Accessible: c.Accessible}, []readmodel.LayoutGroup{g}, []seatstate.Snapshot{s}))
		})
	}
}

// Whatever is drawn: every choice that a refusal shows breaks no rule, is free, in one row and of the same size, and no two share
// a row. An order is refused for a single seat only with such a choice, and only if it leaves one.
func TestEveryRefusalShowsWhatWouldPass(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := orderCase{
			Rows:         rapid.SliceOfN(rapid.StringMatching(`[.xwW]{1,9}|[.x]{4,12}`), 1, 4).Draw(t, "rows"),
			NoSingleSeat: rapid.Bool().Draw(t, "rule"), Released: rapid.IntRange(0, 3).Draw(t, "released") == 0,
		}
		g, s, rules := c.hall()
		var free []int
		for p := range g.Seats {
			if s.Map.At(p) == seatstate.Free {
				free = append(free, p)
			}
		}
		if len(free) == 0 {
			t.Skip("no seat is free")
		}
		places := rapid.Permutation(free).Draw(t, "places")
		places = places[:rapid.IntRange(1, min(6, len(places))).Draw(t, "n")]
		accessible := rapid.IntRange(0, len(places)).Draw(t, "accessible")
		got := rules.Check(g, s, places, accessible)
		if got.Rule == seating.RuleSingleSeatLeft && (len(got.Instead) == 0 || !c.NoSingleSeat) {
			t.Fatalf("refused for a single seat without another choice, or without the rule: %+v", got)
		}
		if (got.Rule == "") != (len(got.Places) == 0) {
			t.Fatalf("rule %q about %v", got.Rule, got.Places)
		}
		rows := map[string]bool{}
		for _, instead := range got.Instead {
			choice, _, ok := g.Places(instead.Seats)
			row, _, _ := strings.Cut(instead.Seats[0], "-")
			if !ok || len(choice) != len(places) || rows[row] {
				t.Fatalf("%v is no choice for %v", instead, g.Names(places))
			}
			rows[row] = true
			for i, p := range choice {
				if s.Map.At(p) != seatstate.Free || i > 0 && p != choice[i-1]+1 || !strings.HasPrefix(g.Seats[p], row+"-") {
					t.Fatalf("%v is no free run", instead.Seats)
				}
			}
			if again := rules.Check(g, s, choice, accessible); again.Rule != "" {
				t.Fatalf("%v in place of %v breaks %s itself", instead.Seats, g.Names(places), again.Rule)
			}
		}
	})
}

// The row behind the last row of a group is the first row of the next group of the section; other groups of the tier follow.
func TestSuggestionsInOtherGroups(t *testing.T) {
	var h hall
	h.add("front", true, "xxxx", "xxxx")
	h.add("rear", true, "....", "....")
	h.add("dear", true, "....")
	h.add("side", true, "...")
	h.add("later", false, "....")
	for i := range h.groups {
		h.groups[i].Tier, h.groups[i].Price = "one", contracts.Money{Minor: 100, Currency: "EUR"}
	}
	h.groups[2].Tier, h.groups[2].Price.Minor, h.groups[3].Section = "other", 200, "T"
	asked := seating.Asked{Group: "front", Places: []int{5, 6}}
	var got []string
	for _, s := range (seating.Rules{}).Suggest(asked, h.groups, h.maps) {
		got = append(got, string(s.Why)+" "+strings.Join(s.Seats, " "))
	}
	if want := []string{"row_behind 0-1 0-2", "same_tier 1-1 1-2", "same_tier 0-0 0-1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := (seating.Rules{}).Suggest(seating.Asked{Group: "nowhere", Places: []int{1}}, h.groups, h.maps); got != nil {
		t.Errorf("a group that is not there: %v", got)
	}
	for i := range h.groups { // as in a layout that was stored without tiers
		h.groups[i].Tier = ""
	}
	if again := (seating.Rules{}).Suggest(asked, h.groups, h.maps); len(again) != 3 || again[2].Amount.Minor != 200 || again[2].Seats[0] != "0-0" {
		t.Errorf("without tiers: %+v", again)
	}
	elsewhere := (seating.Rules{}).SuggestTo(seating.Wish{Section: "T", Quantity: 4}, h.groups, h.maps)
	if len(elsewhere) != 2 || elsewhere[1].Why != seating.LongestRun || elsewhere[0].Why != seating.SameTier || !slices.Equal(elsewhere[0].Seats, []string{"0-0", "0-1", "0-2", "0-3"}) {
		t.Errorf("outside the section: %+v", elsewhere)
	}
}

// In the last hour of the sale an order may leave a single seat.
func TestRulesOfAConcert(t *testing.T) {
	hour := contracts.Instant(time.Hour / time.Millisecond)
	c := readmodel.Concert{NoSingleSeat: true, OffSaleAt: 3 * hour, AccessibleReleaseAt: hour, LimitPerOrder: 4, LimitPerBuyer: 6}
	for now, want := range map[contracts.Instant]seating.Rules{
		hour - 1:   {LimitPerOrder: 4, LimitPerBuyer: 6, NoSingleSeat: true},
		hour:       {LimitPerOrder: 4, LimitPerBuyer: 6, NoSingleSeat: true, Released: true},
		2*hour - 1: {LimitPerOrder: 4, LimitPerBuyer: 6, NoSingleSeat: true, Released: true},
		2 * hour:   {LimitPerOrder: 4, LimitPerBuyer: 6, Released: true},
	} {
		if got := seating.RulesOf(c, now); got != want {
			t.Errorf("at %d: %+v, want %+v", now, got, want)
		}
	}
	if (seating.RulesOf(readmodel.Concert{OffSaleAt: 3 * hour}, 0)).NoSingleSeat {
		t.Error("a concert has the rule without choosing it")
	}
}
