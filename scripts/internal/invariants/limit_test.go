package invariants_test

import (
	"fmt"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/scripts/internal/invariants"
)

// An order is checked against the limit under which it was held, not against the concert's limit at other times. Each order here
// is given by its number of seats and by how many seconds after the first it was held.
func TestAnOrderIsCheckedAgainstItsOwnLimit(t *testing.T) {
	type held struct {
		seats, limit, after int
		status              contracts.Status
	}
	for name, c := range map[string]struct {
		orders []held
		broken bool
	}{
		"up to the limit":                        {[]held{{4, 8, 0, ""}, {4, 8, 60, ""}}, false},
		"over it":                                {[]held{{4, 8, 0, ""}, {5, 8, 60, ""}}, true},
		"the limit lowered to what was bought":   {[]held{{6, 8, 0, ""}}, false},
		"lowered below it, and nothing more":     {[]held{{8, 8, 0, ""}, {1, 4, 60, contracts.Cancelled}}, false},
		"lowered below it, and one more":         {[]held{{4, 8, 0, ""}, {1, 4, 60, ""}}, true},
		"raised, and more":                       {[]held{{4, 4, 0, ""}, {4, 8, 60, ""}}, false},
		"over it, and raised after that":         {[]held{{4, 4, 0, ""}, {2, 4, 60, ""}, {1, 8, 120, ""}}, true},
		"raised, as another process heard later": {[]held{{4, 8, 0, ""}, {4, 4, 5, ""}}, false},
		"what was given back":                    {[]held{{4, 4, 0, contracts.Expired}, {4, 4, 60, ""}}, false},
		"at the same instant":                    {[]held{{2, 4, 0, ""}, {2, 4, 0, ""}}, false},
		"at the same instant, over it":           {[]held{{2, 4, 0, ""}, {3, 4, 0, ""}}, true},
		"one order alone over it":                {[]held{{3, 2, 0, ""}}, true},
	} {
		s, seat := invariants.Snapshot{At: at}, 0
		counted := 0
		for i, h := range c.orders {
			var seats []string
			for range h.seats {
				seat++
				seats = append(seats, fmt.Sprint("s", seat))
			}
			statuses := []contracts.Status{contracts.Held}
			if h.status != "" {
				statuses = append(statuses, h.status)
			}
			o := row(string(rune('a'+i)), fmt.Sprint(i), seats, statuses...)
			o.BuyerLimit = h.limit
			for n := range o.History {
				o.History[n].At = at + contracts.Instant(1000*h.after)
			}
			counted += o.Counted
			s.Orders = append(s.Orders, o)
		}
		s.Allowances = []readmodel.Allowance{{BuyerConcert: "nocturne#anna", Seats: counted}}
		broken := false
		for _, v := range invariants.AtRest(s) {
			broken = broken || v.Rule == "allowance"
		}
		if broken != c.broken {
			t.Errorf("%s: broken %v, want %v: %v", name, broken, c.broken, invariants.AtRest(s))
		}
	}
}
