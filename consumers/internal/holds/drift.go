package holds

import (
	"maps"
	"slices"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// Row is what the row of an order says of one group.
type Row struct {
	Version int
	// Hash is the request hash of the row.
	Hash string
	// Open: the order is open and of this group, where it holds Places from HeldAt to ExpiresAt. Otherwise it holds
	// nothing here: it has ended, is paid, or its row is another group's.
	Open              bool
	Places            []int
	HeldAt, ExpiresAt contracts.Instant
}

// Drift is what a group in the store has otherwise than rows and tickets say.
type Drift struct {
	// Changes mend it: what is freed comes first, then what is sold, then what is held.
	Changes []Change
	// Lost are the open orders one of whose places has another order's ticket. They get no hold: they have to end.
	Lost []contracts.OrderID
}

// Drift compares the group with the rows, which were read after it, and with the tickets (place to owner), which were
// read last. An order that has a ticket and no row among rows is left for another time: it was sold to in between.
//
//	ticket                            sold to its owner, and the owner has no other place
//	open row                          held by it, while its hold has not lapsed
//	row otherwise, or no row and sold free
//	no row and held                   left alone: the row may be on its way
func (s State) Drift(rows map[contracts.OrderID]Row, tickets map[int]contracts.OrderID) Drift {
	owned := map[contracts.OrderID][]int{}
	for _, p := range slices.Sorted(maps.Keys(tickets)) {
		owned[tickets[p]] = append(owned[tickets[p]], p)
	}
	has := s.byOrder()
	var d Drift
	byWant := map[seatstate.State][]Change{}
	for _, id := range ordersOf(has, owned, rows) {
		row, known := rows[id]
		if !known && len(owned[id]) > 0 {
			continue
		}
		lost := row.Open && len(owned[id]) == 0 && slices.ContainsFunc(row.Places, func(p int) bool { return tickets[p] != "" })
		if lost {
			d.Lost = append(d.Lost, id)
			continue
		}
		c := Change{Order: id, Version: row.Version, Hash: row.Hash, HeldAt: row.HeldAt, ExpiresAt: row.ExpiresAt}
		switch {
		case len(owned[id]) > 0:
			c.Want, c.Places = seatstate.Sold, owned[id]
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

// Unsettled are the orders whose rows a comparison needs: all that have a place here or a ticket, but not the ones whose
// places are just their tickets. In a group that is nearly sold out those are most, and nothing would be changed of them.
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

// agrees says whether an order that has these places has what the change wants.
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
