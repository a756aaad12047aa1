package invariants

import (
	"slices"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
)

// places: every group on sale is loaded, and Redis shows each seat as rows and tickets say: sold if there is a ticket, held if an
// open order has it, else free.
func places(s Snapshot) []Violation {
	l := list{rule: "places"}
	sold, held := map[string]contracts.OrderID{}, map[string]contracts.OrderID{}
	for _, t := range s.Tickets {
		sold[t.SeatGroup+"/"+t.Seat] = t.OrderID
	}
	for _, o := range s.Orders {
		if o.Status.Open() {
			for _, seat := range o.Seats {
				held[o.SeatGroup().Key()+"/"+seat] = o.OrderID
			}
		}
	}
	for _, g := range s.NotLoaded {
		l.addf("group %s is not loaded", g.Key())
	}
	for _, g := range s.Groups {
		for place, seat := range g.Seats {
			key, want, id := g.Key()+"/"+seat, seatstate.Free, contracts.OrderID("")
			if by, ok := held[key]; ok {
				want, id = seatstate.Held, by
			}
			if by, ok := sold[key]; ok {
				want, id = seatstate.Sold, by
			}
			if got := g.Map.At(place); got != want {
				l.addf("seat %s is %d in Redis, want %d (order %q)", key, got, want, id)
			}
		}
	}
	return l.all
}

// records: each place in Redis belongs to the right order, and the record of an order lists exactly its places. If they differed,
// a repeated message would return a part of the order.
func records(s Snapshot) []Violation {
	l := list{rule: "places"}
	of := map[contracts.OrderID]readmodel.Order{}
	for _, o := range s.Orders {
		of[o.OrderID] = o
	}
	for _, g := range s.Groups {
		if g.Entries == nil {
			continue
		}
		has := map[contracts.OrderID][]int{}
		for place, e := range g.Entries {
			if e.State == seatstate.Held && e.Lapses <= s.At {
				continue
			}
			has[e.Order] = append(has[e.Order], place)
			o := of[e.Order]
			if place >= len(g.Seats) || o.SeatGroup() != g.SeatGroup || !slices.Contains(o.Seats, g.Seats[place]) {
				l.addf("place %d of %s is %s's, whose row has %v of %s", place, g.Key(), e.Order, o.Seats, o.SeatGroup().Key())
			}
			if r, kept := g.Records[e.Order]; e.State == seatstate.Held && (!kept || r.State != seatstate.RecordHeld) {
				l.addf("place %d of %s is held by %s, whose record is %q", place, g.Key(), e.Order, r)
			}
		}
		for id, r := range g.Records {
			if r.State != seatstate.RecordHeld && r.State != seatstate.RecordSold || r.State == seatstate.RecordHeld && r.Lapses <= s.At {
				continue
			}
			if want := slices.Sorted(slices.Values(has[id])); !slices.Equal(slices.Sorted(slices.Values(r.Places)), want) {
				l.addf("order %s has places %v of %s, its record says %v", id, want, g.Key(), r.Places)
			}
		}
	}
	return l.all
}

// published: the bus has sent each version of each row, and nothing else.
func published(s Snapshot) []Violation {
	if s.Published == nil {
		return nil
	}
	l := list{rule: "event"}
	stored := map[string]bool{}
	for _, o := range s.Orders {
		for version := 1; version <= o.Version; version++ {
			name := Version(o.OrderID, version)
			stored[name] = true
			if _, out := s.Published[name]; !out {
				l.addf("version %s was not published", name)
			}
		}
	}
	for name := range s.Published {
		if !stored[name] {
			l.addf("%s was published and is not stored", name)
		}
	}
	return l.all
}

// dead: there is no dead letter, and every attempt that began has ended.
func dead(s Snapshot) []Violation {
	l := list{rule: "dead letter"}
	if s.Dead > 0 {
		l.addf("%d messages in dead-letter queues", s.Dead)
	}
	for _, d := range s.DeadLetters {
		l.addf("%s (%s, order %q, %d attempts)", d.MessageKey, d.Reason, d.OrderID, d.Attempts)
	}
	return l.all
}
