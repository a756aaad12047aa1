package invariants

import (
	"slices"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// refused is I32, as far as rows tell: an order is never refused because of its own hold. If it was refused for a taken seat,
// another order has requested one of its seats. If it was refused for want of adjacent seats, not every group had them. And a
// refused order holds nothing in Redis.
func refused(s Snapshot) []Violation {
	l := list{rule: RuleRefused}
	wanted := map[string][]contracts.OrderID{}
	for _, o := range s.Orders {
		for _, seat := range o.Seats {
			wanted[o.ConcertID+"/"+seat] = append(wanted[o.ConcertID+"/"+seat], o.OrderID)
		}
	}
	for _, o := range s.Orders {
		if o.Status != contracts.Rejected || o.HeldAt != 0 || o.Reason == nil {
			continue
		}
		switch o.Reason.Code {
		case contracts.ReasonSeatTaken:
			by := slices.ContainsFunc(o.Seats, func(seat string) bool {
				return slices.ContainsFunc(wanted[o.ConcertID+"/"+seat], func(other contracts.OrderID) bool { return other != o.OrderID })
			})
			if !by {
				l.addf("order %s was refused because one of %v is taken, which no other order has asked for", o.OrderID, o.Seats)
			}
		case contracts.ReasonNoAdjacent:
			if n := roomForAll(s, o); n > 0 {
				l.addf("order %s was refused because no %d seats lie side by side, and every group had them", o.OrderID, n)
			}
		}
	}
	for _, g := range s.Groups {
		for place, e := range g.Entries {
			i := slices.IndexFunc(s.Orders, func(o readmodel.Order) bool { return o.OrderID == e.Order })
			if e.State == seatstate.Held && e.Lapses > s.At && i >= 0 && s.Orders[i].Status == contracts.Rejected && s.Orders[i].HeldAt == 0 {
				l.addf("order %s was refused and holds place %d of %s", e.Order, place, g.Key())
			}
		}
	}
	return l.all
}

// roomForAll returns the number of adjacent seats that an order requested, if each group that it allows had that many free seats
// all the time from its acceptance to its decision, and 0 otherwise. Accessible places do not count as free, and for orders that
// request them it returns 0. It also returns 0 if an order with unknown seats was refused at that time, since that order may have
// held some for a moment.
func roomForAll(s Snapshot, o readmodel.Order) int {
	groups := s.Layouts[readmodel.LayoutKey(o.ConcertID, o.LayoutVersion)]
	n := 0
	var section string
	for _, g := range groups {
		for _, of := range []string{"", g.Section} {
			for quantity := 1; quantity <= maxAdjacent && n == 0; quantity++ {
				if accessible, best := isBest(o, []string{of}, quantity); best && accessible == 0 {
					n, section = quantity, of
				}
			}
		}
	}
	if n == 0 || len(o.History) == 0 {
		return 0
	}
	from, to := o.AcceptedAt.Add(-clocksDiffer), o.History[0].At.Add(clocksDiffer)
	taken := map[string]bool{}
	for _, other := range s.Orders {
		if other.ConcertID != o.ConcertID || other.OrderID == o.OrderID || len(other.History) == 0 {
			continue
		}
		begun, ended := other.AcceptedAt, other.History[len(other.History)-1].At.Add(writtenWithin+freeWithin)
		if !other.Status.Settled() || other.Status.Paid() {
			ended = to
		}
		if begun > to || ended < from {
			continue
		}
		if len(other.Seats) == 0 && (other.Reason == nil || other.Reason.Code != contracts.ReasonNoAdjacent) {
			return 0
		}
		for _, seat := range other.Seats {
			taken[seat] = true
		}
	}
	for _, g := range groups {
		if (section == "" || g.Section == section) && !room(g, taken, n) {
			return 0
		}
	}
	return n
}

// room reports whether a group has n adjacent seats of which none is taken.
func room(g readmodel.LayoutGroup, taken map[string]bool, n int) bool {
	free := 0
	for _, row := range g.Rows {
		if g.Kind != readmodel.KindArea {
			free = 0
		}
		for _, seat := range row.Seats {
			switch {
			case !taken[seat] && !slices.Contains(g.Accessible, seat):
				if free++; free >= n {
					return true
				}
			case g.Kind != readmodel.KindArea:
				free = 0
			}
		}
	}
	return false
}

const (
	// maxAdjacent is more than an order may request.
	maxAdjacent = 20
	// freeWithin is longer than it takes until the seats of an ended order are free in Redis, without faults.
	freeWithin = 2 * time.Minute
)
