package memhold

import (
	"slices"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// Applying versions of rows to a group. Each is refused as stale if a later version of its order was applied before.

// keep makes the hold of an open row what the row says: exactly its places, its times and its version. Other places that
// the order held become free.
func (grp *group) keep(k holds.Kept, now contracts.Instant, o Options) holds.Applied {
	record, known := grp.orders[k.Order]
	holding := known && record.State == seatstate.RecordHeld
	lapses := k.ExpiresAt.Add(o.LapseAfter)
	switch {
	case record.Version > k.Version, lapses <= now:
		return holds.Stale
	case holding && record.Lapses <= now:
		// A lapsed hold has ended, also if the sweep did not reach it.
		return holds.Stale
	case known && !holding && record.State != seatstate.RecordForwarded:
		return holds.Stale
	}
	for _, p := range k.Places {
		if entry, has := grp.seats[p]; has && (entry.State == seatstate.Sold || entry.TakenFrom(k.Order, now)) {
			return holds.Busy
		}
	}
	for _, p := range k.Places {
		if entry, has := grp.seats[p]; has && entry.Order != k.Order {
			grp.end(entry.Order, now)
		}
	}
	if holding {
		grp.free(record.Places)
		// A late load may have set the lapse later than the row does.
		lapses = max(lapses, record.Lapses)
	}
	delete(grp.ends, k.Order)
	grp.write(k.Order, seatstate.Record{
		Version: k.Version, Hash: k.Hash, HeldAt: k.HeldAt, HoldExpiresAt: k.ExpiresAt, Lapses: lapses, Places: slices.Clone(k.Places),
	})
	return holds.OK
}

// sell makes places an order's own. It wins over every hold and over no sale.
func (grp *group) sell(order contracts.OrderID, places []int, version int) holds.Sale {
	record := grp.orders[order]
	if record.Version > version {
		return holds.Sale{Stale: true}
	}
	var sale holds.Sale
	for _, p := range places {
		entry, has := grp.seats[p]
		switch {
		case !has || entry.Order == order:
		case entry.State == seatstate.Sold:
			return holds.Sale{Conflict: &holds.Conflict{Place: p, Owner: entry.Order}}
		case !slices.Contains(sale.Displaced, entry.Order):
			sale.Displaced = append(sale.Displaced, entry.Order)
		}
	}
	for _, other := range sale.Displaced {
		grp.displace(other)
	}
	if record.State == seatstate.RecordHeld {
		grp.free(record.Places)
	}
	for _, p := range places {
		grp.seats[p] = seatstate.Entry{State: seatstate.Sold, Order: order}
	}
	record.State, record.Version, record.Lapses, record.Places, record.To = seatstate.RecordSold, version, 0, slices.Clone(places), ""
	grp.orders[order] = record
	delete(grp.ends, order)
	return sale
}

// displace deletes a whole hold, since some of an order's seats are of no use to it, and the order's record, so that the
// hold can be made again if the sale that displaced it is withdrawn.
func (grp *group) displace(order contracts.OrderID) {
	grp.free(grp.orders[order].Places)
	delete(grp.orders, order)
}

// restore frees places that are sold to the order or held by it.
func (grp *group) restore(order contracts.OrderID, places []int, version int, now contracts.Instant) holds.Release {
	record := grp.orders[order]
	if record.Version > version {
		return holds.Release{Stale: true}
	}
	var released holds.Release
	for _, p := range places {
		if entry, has := grp.seats[p]; has && entry.Order == order {
			delete(grp.seats, p)
			released.Freed = append(released.Freed, p)
		}
	}
	record.Version = version
	record.Places = slices.DeleteFunc(slices.Clone(record.Places), func(p int) bool { return slices.Contains(places, p) })
	grp.orders[order] = record
	if len(record.Places) == 0 {
		grp.end(order, now)
	}
	return released
}
