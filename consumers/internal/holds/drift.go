package holds

import (
	"maps"
	"slices"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// Row is what the row of an order says about one group.
type Row struct {
	Version int
	// Hash is the request hash of the row.
	Hash string
	// Open: the order is open and of this group, where it holds Places from HeldAt to ExpiresAt.
	Open bool
	// Paid: the order is paid and of this group, where it owns Places. If it is neither, it has nothing here: it has ended,
	// or its row belongs to another group.
	Paid              bool
	Places            []int
	HeldAt, ExpiresAt contracts.Instant
}

// Drift is the difference between a group in the store and its rows and tickets.
type Drift struct {
	// Changes repair it: frees come first, then sales, then holds.
	Changes []Change
	// Lost are the open orders that have a place which another order owns. They get no hold: they have to end.
	Lost []contracts.OrderID
}

// Drift compares the group with the rows, which were read after it, and with the tickets (place to owner), which were read
// last. The rows decide before the tickets do: a query of tickets may see half of a transaction. So a missing ticket proves
// nothing, and an existing one decides only where no row does.
//
//	paid row                            its places sold to it, with a ticket or without, except those with another's ticket
//	open row, and a ticket of its own   the same: it was committed after the row was read
//	open row otherwise                  held by it, until its hold lapses
//	other row, or no row and sold       free
//	no row, and a ticket                not changed: it was sold in between
//	no row and held                     not changed: the row may be on its way
func (s State) Drift(rows map[contracts.OrderID]Row, tickets map[int]contracts.OrderID) Drift {
	owned, sold := owners(rows, tickets)
	has := s.byOrder()
	var d Drift
	byWant := map[seatstate.State][]Change{}
	for _, id := range ordersOf(has, owned, rows) {
		row, known := rows[id]
		places, owns := owned[id]
		if owns && (!known || len(places) == 0) {
			continue
		}
		if row.Open && !owns && slices.ContainsFunc(row.Places, func(p int) bool { return sold[p] != "" }) {
			d.Lost = append(d.Lost, id)
			continue
		}
		c := Change{Order: id, Version: row.Version, Hash: row.Hash, HeldAt: row.HeldAt, ExpiresAt: row.ExpiresAt}
		switch {
		case owns:
			c.Want, c.Places = seatstate.Sold, places
		case row.Open:
			c.Want, c.Places = seatstate.Held, row.Places
		case !known && anyHeld(has[id]):
			continue
		}
		if c.agrees(has[id]) || c.Want == seatstate.Held && s.At >= c.ExpiresAt.Add(seatstate.LapseAfter) {
			continue
		}
		c.Seen = s.Seen(id, c.Places)
		byWant[c.Want] = append(byWant[c.Want], c)
	}
	d.Changes = slices.Concat(byWant[seatstate.Free], byWant[seatstate.Sold], byWant[seatstate.Held])
	return d
}

// owners returns the places that each order owns, and the owner of each place. A paid order without a place in owned has
// lost all of them to other orders' tickets since its row was read.
func owners(rows map[contracts.OrderID]Row, tickets map[int]contracts.OrderID) (owned map[contracts.OrderID][]int, sold map[int]contracts.OrderID) {
	owned, sold = map[contracts.OrderID][]int{}, map[int]contracts.OrderID{}
	for p, id := range tickets {
		row, known := rows[id]
		if known && !row.Open && !row.Paid {
			continue // the order has ended, and owns nothing
		}
		sold[p] = id
		if !known || row.Open {
			owned[id] = append(owned[id], p)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(rows)) {
		row := rows[id]
		if _, committed := owned[id]; !row.Paid && !committed {
			continue
		}
		owned[id] = []int{}
		for _, p := range row.Places {
			if sold[p] == "" || sold[p] == id {
				owned[id], sold[p] = append(owned[id], p), id
			}
		}
		slices.Sort(owned[id])
	}
	return owned, sold
}

// Unsettled returns the orders whose rows a comparison needs: all that have a place here or a ticket, except those whose
// places are exactly their tickets. In a nearly sold out group most are of that kind, and nothing would change for them.
func (s State) Unsettled(tickets map[int]contracts.OrderID) []contracts.OrderID {
	owned, has := map[contracts.OrderID][]int{}, s.byOrder()
	for p, id := range tickets {
		owned[id] = append(owned[id], p)
	}
	return slices.DeleteFunc(ordersOf(has, owned, nil), func(id contracts.OrderID) bool {
		return len(owned[id]) > 0 && Change{Want: seatstate.Sold, Places: owned[id]}.agrees(has[id])
	})
}

func (s State) byOrder() map[contracts.OrderID]map[int]seatstate.State {
	has := map[contracts.OrderID]map[int]seatstate.State{}
	for p, entry := range s.Entries {
		if has[entry.Order] == nil {
			has[entry.Order] = map[int]seatstate.State{}
		}
		has[entry.Order][p] = entry.State
	}
	return has
}

// agrees reports whether an order that has these places has what the change wants.
func (c Change) agrees(has map[int]seatstate.State) bool {
	return len(has) == len(c.Places) && !slices.ContainsFunc(c.Places, func(p int) bool { return has[p] != c.Want })
}

func anyHeld(has map[int]seatstate.State) bool {
	return slices.Contains(slices.Collect(maps.Values(has)), seatstate.Held)
}

func ordersOf(has map[contracts.OrderID]map[int]seatstate.State, owned map[contracts.OrderID][]int, rows map[contracts.OrderID]Row) []contracts.OrderID {
	ids := slices.Concat(slices.Collect(maps.Keys(has)), slices.Collect(maps.Keys(owned)), slices.Collect(maps.Keys(rows)))
	slices.Sort(ids)
	return slices.Compact(ids)
}
