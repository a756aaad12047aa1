package seating

import (
	"slices"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// Companions is the maximum number of ordinary seats beside each accessible place of an order, until accessible places are
// released. The places are for those who need them and whoever comes with them.
const Companions = 3

// SingleSeatsFrom is how long before the end of the sale an order may leave single seats: then it is better to sell a seat
// beside a single one than not to sell it.
const SingleSeatsFrom = time.Hour

// Rule is the code of a rule. It is also the code of the answer to an order that breaks the rule.
type Rule string

// Rules that an order can break.
const (
	RuleTooManySeats       Rule = "too_many_seats"
	RuleAccessibleReserved Rule = "accessible_reserved"
	RuleSingleSeatLeft     Rule = "single_seat_left"
	RuleLimitReached       Rule = "limit_reached"
)

// Rules are the rules of a concert at one instant.
type Rules struct {
	// LimitPerOrder and LimitPerBuyer are the maximum numbers of seats.
	LimitPerOrder, LimitPerBuyer int
	// NoSingleSeat means that an order must not leave a single free seat.
	NoSingleSeat bool
	// Released means that accessible places are sold like every other seat.
	Released bool
}

// RulesOf returns the rules of a concert at now.
func RulesOf(c readmodel.Concert, now contracts.Instant) Rules {
	return Rules{
		LimitPerOrder: min(c.LimitPerOrder, message.MaxSeatsPerOrder), LimitPerBuyer: c.BuyerLimit(),
		NoSingleSeat: c.NoSingleSeat && now < c.OffSaleAt.Add(-SingleSeatsFrom),
		Released:     c.AccessibleReleased(now),
	}
}

// Breach says which rule an order breaks.
type Breach struct {
	// Rule is "" if the order breaks none.
	Rule Rule
	// Places are the places that the rule is about: those that the order may not have, or the single seats that it would leave.
	Places []int
	// Instead are choices that break no rule; none if the map shows none, or is not known.
	Instead []Suggestion
}

// Limits returns RuleTooManySeats for an order over the limit per order, RuleLimitReached for a buyer who has counted seats
// already and would have more than the limit per buyer, and else "".
func (r Rules) Limits(wanted, counted int) Rule {
	switch {
	case wanted > r.LimitPerOrder:
		return RuleTooManySeats
	case counted+wanted > r.LimitPerBuyer:
		return RuleLimitReached
	default:
		return ""
	}
}

// CompanionsFit reports whether an order for that many seats, of which some are accessible places, has few enough companions.
func (r Rules) CompanionsFit(seats, accessible int) bool {
	return r.Released || accessible == 0 || seats-accessible <= Companions*accessible
}

// Check applies the rules about seats to an order for places of a group, by the group's map. accessible is how many accessible
// places the order asks for. A group that is not loaded has no map: then only the rules are checked that need none.
//
// Until their release an order gets at most as many accessible places as it asks for, each with at most Companions ordinary seats.
//
// With NoSingleSeat an order must not leave a single seat: a free seat whose neighbours in its row are all taken, of which the
// order takes at least one. It may leave one if the group shows no other choice that would leave none; places of a
// general-admission area have no neighbours.
func (r Rules) Check(g readmodel.LayoutGroup, s seatstate.Snapshot, places []int, accessible int) Breach {
	places = slices.Sorted(slices.Values(places)) // the order in which seats are named changes nothing
	isReserved := accessiblePlaces(g)
	var reserved, ordinary []int
	for _, p := range places {
		if isAccessible(isReserved, p) {
			reserved = append(reserved, p)
		} else {
			ordinary = append(ordinary, p)
		}
	}
	asked := r.AskedFor(g, places, accessible)
	if !r.Released && len(reserved) > accessible {
		return Breach{Rule: RuleAccessibleReserved, Places: reserved[accessible:], Instead: r.near(asked, g, s)}
	}
	if !r.CompanionsFit(len(places), len(reserved)) {
		return Breach{Rule: RuleAccessibleReserved, Places: ordinary[Companions*len(reserved):], Instead: r.near(asked, g, s)}
	}
	if !r.NoSingleSeat || !s.Loaded || g.Kind == readmodel.KindArea {
		return Breach{}
	}
	if alone := leftAlone(g, s.Map, places); len(alone) > 0 {
		if instead := r.near(asked, g, s); len(instead) > 0 {
			return Breach{Rule: RuleSingleSeatLeft, Places: alone, Instead: instead}
		}
	}
	return Breach{}
}

// AskedFor returns what to suggest to an order for places of a group: as many accessible places as it names and asks for. If its
// seats are too many companions for them, it is as many places as the companions need, or none if the order asks for fewer.
func (r Rules) AskedFor(g readmodel.LayoutGroup, places []int, accessible int) Asked {
	isReserved := accessiblePlaces(g)
	asked := Asked{Group: g.Group, Places: places}
	for _, p := range places {
		if isAccessible(isReserved, p) {
			asked.Accessible++
		}
	}
	asked.Accessible = min(asked.Accessible, accessible)
	if !r.CompanionsFit(len(places), asked.Accessible) {
		if asked.Accessible = (len(places) + Companions) / (Companions + 1); asked.Accessible > accessible {
			asked.Accessible = 0
		}
	}
	return asked
}

// near returns choices of the group alone that break no rule.
func (r Rules) near(asked Asked, g readmodel.LayoutGroup, s seatstate.Snapshot) []Suggestion {
	return r.Suggest(asked, []readmodel.LayoutGroup{g}, []seatstate.Snapshot{s})
}

// leftAlone returns the free seats beside the places that would have no free neighbour in their row any more.
func leftAlone(g readmodel.LayoutGroup, m seatstate.SeatMap, places []int) []int {
	var alone []int
	next := 0
	for i := range g.Rows {
		row := rowChoices{row: i, free: m}
		row.places, next = placesOf(g, i, next)
		alone = append(alone, row.alone(func(at int) bool {
			return at >= 0 && at < len(row.places) && slices.Contains(places, row.places[at])
		})...)
	}
	return alone
}
