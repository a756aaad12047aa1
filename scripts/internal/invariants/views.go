package invariants

import (
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// places: every group on sale is loaded, and what Redis shows of a seat is what rows and tickets say: sold if there is a
// ticket, held if an open order has it, else free.
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

// published: each version of each row came out of the bus, and nothing else.
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
			if !s.Published[name] {
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

// dead: no message is dead, and no attempt was begun that never came back.
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
