package invariants

import (
	"maps"
	"slices"
	"strings"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// asked is I31: in every version, a row has exactly the requested seats, or the requested number of adjacent seats, at the price
// of all of them. The request is known by its hash, prices and adjacent seats by the layout, and versions by their events.
func asked(s Snapshot) []Violation {
	l := list{rule: RuleAsked}
	for _, o := range s.Orders {
		named, best, accessible := asksFor(s, o)
		switch {
		case o.RequestHash == "":
			// For this row only the message's attributes were known. It has never held a seat.
			if len(o.Seats) > 0 || o.HeldAt != 0 {
				l.addf("order %s has %v and no request", o.OrderID, o.Seats)
			}
		case o.HeldAt == 0 && len(o.Seats) == 0:
			if named {
				l.addf("order %s asked for seats by their names and its row names none", o.OrderID)
			}
		case len(o.Seats) == 0 || len(slices.Compact(slices.Sorted(slices.Values(o.Seats)))) < len(o.Seats):
			l.addf("order %s has the seats %v", o.OrderID, o.Seats)
		case !named && !best:
			l.addf("order %s has %v, which is not what was asked for", o.OrderID, o.Seats)
		}
		if o.HeldAt != 0 && s.Layouts != nil {
			priced(&l, s, o, best, accessible)
		}
		for version := 1; version <= o.Version; version++ {
			p, out := s.Published[Version(o.OrderID, version)]
			if out && (!slices.Equal(p.Seats, o.Seats) || !sameMoney(p.Amount, o.Amount)) {
				l.addf("version %d of order %s was published with %v for %v, its row has %v for %v", version, o.OrderID, p.Seats, p.Amount, o.Seats, o.Amount)
			}
		}
	}
	return l.all
}

// asksFor reports whether a row's request named exactly its seats, or whether it was for that number of adjacent seats, of the
// concert or of its group's section, and how many of them had to be accessible places.
func asksFor(s Snapshot, o readmodel.Order) (named, best bool, accessible int) {
	for accessible := range len(o.Seats) + 1 {
		if o.RequestHash == contracts.RequestHashNamed(o.ConcertID, o.Seats, accessible) {
			return true, false, 0
		}
	}
	sections := []string{""}
	if g, found := layoutOf(s, o); found {
		sections = append(sections, g.Section)
	}
	accessible, best = isBest(o, sections, len(o.Seats))
	return false, best, accessible
}

// isBest reports whether a row's request was for n adjacent seats, of the concert ("") or of one of the sections, and how many of
// them had to be accessible places.
func isBest(o readmodel.Order, sections []string, n int) (accessible int, best bool) {
	for accessible := range n + 1 {
		for _, section := range sections {
			if o.RequestHash == contracts.RequestHashBest(o.ConcertID, section, n, accessible) {
				return accessible, true
			}
		}
	}
	return 0, false
}

// priced compares a held order with its group's layout.
func priced(l *list, s Snapshot, o readmodel.Order, best bool, accessible int) {
	g, found := layoutOf(s, o)
	if !found {
		l.addf("order %s: there is no group %s in layout %d", o.OrderID, o.Group, o.LayoutVersion)
		return
	}
	if _, unknown, ok := g.Places(o.Seats); !ok {
		l.addf("order %s: seat %s is not in group %s of layout %d", o.OrderID, unknown, o.Group, o.LayoutVersion)
		return
	}
	price := contracts.Money{Minor: g.Price.Minor * int64(len(o.Seats)), Currency: g.Price.Currency}
	if o.Amount == nil || *o.Amount != price {
		l.addf("order %s costs %v, its %d seats %v", o.OrderID, o.Amount, len(o.Seats), price)
	}
	isAccessible := func(seat string) bool { return slices.Contains(g.Accessible, seat) }
	if got := len(slices.DeleteFunc(slices.Clone(o.Seats), func(seat string) bool { return !isAccessible(seat) })); best && got != accessible {
		l.addf("order %s asked for %d accessible places and has %d: %v", o.OrderID, accessible, got, o.Seats)
	}
	if best && !adjacent(g, o.Seats) {
		l.addf("order %s asked for adjacent seats and has %v", o.OrderID, o.Seats)
	}
}

func layoutOf(s Snapshot, o readmodel.Order) (readmodel.LayoutGroup, bool) {
	groups := s.Layouts[readmodel.LayoutKey(o.ConcertID, o.LayoutVersion)]
	i := slices.IndexFunc(groups, func(g readmodel.LayoutGroup) bool { return g.Group == o.Group })
	if i < 0 {
		return readmodel.LayoutGroup{}, false
	}
	return groups[i], true
}

// adjacent reports whether the seats are next to each other in a row. In an area any places are adjacent.
func adjacent(g readmodel.LayoutGroup, seats []string) bool {
	if g.Kind == readmodel.KindArea {
		return true
	}
	for _, row := range g.Rows {
		var at []int
		for i, seat := range row.Seats {
			if slices.Contains(seats, seat) {
				at = append(at, i)
			}
		}
		if len(at) == len(seats) {
			return at[len(at)-1]-at[0] == len(at)-1
		}
	}
	return false
}

func sameMoney(a, b *contracts.Money) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// physical is I34: for one concert, a seat has one group, one place and one price in all layout versions that are frozen or that
// orders have, and one owner over all groups.
func physical(s Snapshot) []Violation {
	l := list{rule: RulePhysical}
	type where struct {
		version string
		group   string
		place   int
		price   contracts.Money
	}
	seen := map[string]where{}
	for _, version := range slices.Sorted(maps.Keys(s.Layouts)) {
		for _, g := range s.Layouts[version] {
			concert, _, _ := strings.Cut(version, "#")
			for place, seat := range g.Seats {
				key, at := concert+"/"+seat, where{version, g.Group, place, g.Price}
				before, known := seen[key]
				if seen[key] = at; !known {
					continue
				}
				if before.version == version || before.group != at.group || before.place != at.place || before.price != at.price {
					l.addf("seat %s is at %d of %s for %v in %s and at %d of %s for %v in %s", key,
						before.place, before.group, before.price, before.version, at.place, at.group, at.price, at.version)
				}
			}
		}
	}
	owners := map[string]readmodel.Ticket{}
	for _, t := range s.Tickets {
		g, err := contracts.ParseSeatGroup(t.SeatGroup)
		if err != nil {
			l.addf("ticket of %s for %s: %v", t.OrderID, t.Seat, err)
		}
		key := g.ConcertID + "/" + t.Seat
		if other, sold := owners[key]; sold && other.SeatGroup != t.SeatGroup {
			l.addf("seat %s has a ticket of %s in %s and of %s in %s", key, other.OrderID, other.SeatGroup, t.OrderID, t.SeatGroup)
		}
		owners[key] = t
	}
	return l.all
}
