package admission

import (
	"slices"

	"boxoffice/contracts/seating"
	"boxoffice/contracts/seatstate"
)

// tooManyCompanions is the detail of a refusal for the number of companions.
const tooManyCompanions = "Until accessible places are released, an order may have at most three other seats for each of them."

// CheckSeats applies the rules about seats to an order for named seats, by the map of their group. A group that is not loaded has
// no map; then only the rules are checked that need none. An order that has one of its places already was admitted before and is
// not refused. kept are the states of all groups as for Near. The error is a *Refusal.
func CheckSeats(r Request, a Admitted, seen SeatsState, kept []GroupState) error {
	if seen.Own {
		return nil
	}
	group := a.Seating.groups[a.at]
	breach := a.Rules.Check(group, seen.Shown, a.Places, r.Accessible)
	if breach.Rule == "" {
		return nil
	}
	refusal := &Refusal{Code: string(breach.Rule), Seats: group.Names(breach.Places), Suggestions: Near(r, a, seen, kept)}
	switch breach.Rule {
	case seating.RuleSingleSeatLeft:
		refusal.Detail = "This order would leave a single free seat, and there is a choice that leaves none."
	case seating.RuleAccessibleReserved:
		refusal.Detail = "These accessible places are reserved for buyers who ask for them with accessible."
		if !slices.Contains(group.Accessible, refusal.Seats[0]) {
			refusal.Detail = tooManyCompanions
		}
	}
	return refusal
}

// Near returns seats that the buyer of named seats could have instead, by the map of their group and what is known of the maps of
// the others. kept are the states of all groups in the layout's order, nil if they are not known.
func Near(r Request, a Admitted, seen SeatsState, kept []GroupState) []seating.Suggestion {
	layout := a.Seating.groups
	maps := make([]seatstate.Snapshot, len(layout))
	for i, s := range kept {
		maps[i] = s.Snapshot
	}
	maps[a.at] = seen.Shown
	return a.Rules.Suggest(a.Rules.AskedFor(layout[a.at], a.Places, r.Accessible), layout, maps)
}
