package memhold

import (
	"context"
	"maps"
	"slices"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// Repair gives orders the places that rows and tickets say they have: each order as a whole, and only if nothing has
// happened to it since State read it in this epoch. See holds.Change.
func (s *Store) Repair(_ context.Context, g seatstate.GroupVersion, epoch int64, changes []holds.Change) (holds.Repaired, error) {
	if err := holds.ValidRepair(epoch, changes); err != nil {
		return holds.Repaired{}, invalid(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	grp, err := s.loaded(g)
	if err != nil {
		return holds.Repaired{}, err
	}
	for _, c := range changes {
		if err := grp.inside(g, slices.Collect(maps.Keys(c.Seen))); err != nil {
			return holds.Repaired{}, err
		}
	}
	if grp.revision.Epoch != epoch {
		return holds.Repaired{EpochChanged: true, At: now}, nil
	}
	r := repair{group: grp, now: now, o: s.o, given: map[int]bool{}}
	grp.change(func() {
		grp.sweep(now)
		r.began = maps.Clone(grp.seats)
		for _, c := range changes {
			if !r.mayBeDone(c) {
				r.result.Skipped = append(r.result.Skipped, c.Order)
				continue
			}
			r.apply(c)
			r.result.Done = append(r.result.Done, c.Order)
		}
	})
	r.result.At = now
	return r.result, nil
}

// repair is one call: the group, its entries when the call began, and the places that the call has given to orders since.
type repair struct {
	*group
	now    contracts.Instant
	o      Options
	began  map[int]seatstate.Entry
	given  map[int]bool
	result holds.Repaired
}

// mayBeDone reports whether nothing has happened to the order since it was read, and it may have its places.
func (r *repair) mayBeDone(c holds.Change) bool {
	if r.orders[c.Order].Version > c.Version {
		return false
	}
	for p, entry := range c.Seen {
		if r.began[p] != entry {
			return false
		}
	}
	for p, entry := range r.began {
		if _, seen := c.Seen[p]; entry.Order == c.Order && !seen {
			return false
		}
	}
	if c.Want == seatstate.Held && c.ExpiresAt.Add(r.o.LapseAfter) <= r.now {
		return false
	}
	return !slices.ContainsFunc(c.Places, func(p int) bool {
		entry, has := r.seats[p]
		return r.given[p] || c.Want == seatstate.Held && has && entry.Order != c.Order
	})
}

// apply gives the order exactly the places of the change.
func (r *repair) apply(c holds.Change) {
	for _, p := range c.Places {
		r.giveWay(p, c.Order)
		r.given[p] = true
	}
	for p, entry := range r.seats {
		if entry.Order == c.Order {
			delete(r.seats, p)
		}
	}
	record := r.orders[c.Order]
	wasHeld, lapses := record.State == seatstate.RecordHeld, record.Lapses
	record.Version, record.Places, record.To = c.Version, slices.Clone(c.Places), ""
	if c.Hash != "" {
		record.Hash = c.Hash
	}
	delete(r.ends, c.Order)
	switch c.Want {
	case seatstate.Held:
		record.HeldAt, record.HoldExpiresAt, record.Lapses = c.HeldAt, c.ExpiresAt, c.ExpiresAt.Add(r.o.LapseAfter)
		if wasHeld {
			// A late load may have set the lapse later than the row does.
			record.Lapses = max(record.Lapses, lapses)
		}
		r.write(c.Order, record)
	case seatstate.Sold:
		record.State, record.Lapses = seatstate.RecordSold, 0
		for _, p := range c.Places {
			r.seats[p] = seatstate.Entry{State: seatstate.Sold, Order: c.Order}
		}
		r.orders[c.Order] = record
	default:
		r.orders[c.Order] = record
		r.end(c.Order, r.now)
		if c.Version == 0 {
			// The order has no row yet and may still be held.
			delete(r.orders, c.Order)
			delete(r.ends, c.Order)
		}
	}
}

// giveWay removes what another order has on a place: a hold with all its places, as a sale does, but only this place of a
// sale. An order that owned only this place ends.
func (r *repair) giveWay(p int, to contracts.OrderID) {
	entry, has := r.seats[p]
	if !has || entry.Order == to {
		return
	}
	if entry.State == seatstate.Held {
		if !slices.Contains(r.result.Displaced, entry.Order) {
			r.result.Displaced = append(r.result.Displaced, entry.Order)
		}
		r.displace(entry.Order)
		return
	}
	delete(r.seats, p)
	record := r.orders[entry.Order]
	if record.State != seatstate.RecordSold || !slices.Contains(record.Places, p) {
		return // it was sold by a load, which leaves no record
	}
	if len(record.Places) == 1 {
		r.end(entry.Order, r.now)
		return
	}
	record.Places = slices.DeleteFunc(slices.Clone(record.Places), func(q int) bool { return q == p })
	r.orders[entry.Order] = record
}
