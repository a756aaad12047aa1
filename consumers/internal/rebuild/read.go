package rebuild

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/telemetry"
)

// read gathers tickets and open orders. The lock is held, so nobody else loads; orders may be decided meanwhile only
// by holds in Redis, which is not there.
func (r *Rebuilder) read(ctx context.Context, g seatstate.GroupVersion) (holds.Load, error) {
	layout, err := r.catalogue.LayoutGroup(ctx, g.ConcertID, g.LayoutVersion, g.Group)
	if err != nil {
		return holds.Load{}, err
	}
	rows, err := r.rows(ctx, g.SeatGroup)
	if err != nil {
		return holds.Load{}, err
	}
	// Tickets after rows: an order that commits in between is then seen as sold.
	tickets, err := r.truth.Tickets(ctx, g.SeatGroup)
	if err != nil {
		return holds.Load{}, err
	}
	l := holds.Load{Places: len(layout.Seats), Sold: make(map[int]contracts.OrderID, len(tickets))}
	committed := make(map[contracts.OrderID]bool)
	for seat, owner := range tickets {
		places, _, ok := layout.Places([]string{seat})
		if !ok {
			return holds.Load{}, mismatch(fmt.Errorf("ticket of seat %q, which layout %d does not have", seat, g.LayoutVersion))
		}
		l.Sold[places[0]] = owner
		committed[owner] = true
	}
	for _, row := range rows {
		if row.LayoutVersion != g.LayoutVersion {
			r.passOver(l, layout, row, committed[row.OrderID])
			continue
		}
		seats := row.Seats
		if row.Status.Paid() {
			seats = row.Owned()
		}
		places, unknown, ok := layout.Places(seats)
		switch {
		case !ok:
			return holds.Load{}, mismatch(fmt.Errorf("order %s has seat %q, which layout %d does not have", row.OrderID, unknown, g.LayoutVersion))
		case row.Status.Paid(), committed[row.OrderID]:
			sellAll(l.Sold, row.OrderID, places)
		default:
			l.Open = append(l.Open, holds.OpenOrder{
				Ask:     holds.Ask{Order: row.OrderID, Hash: row.RequestHash, Places: places},
				Version: row.Version, HeldAt: row.HeldAt, ExpiresAt: row.HoldExpiresAt,
			})
		}
	}
	return l, nil
}

// passOver raises an alarm for a row of another layout version, which is a fault: nothing of one that is not frozen is ever held.
// The group is loaded without it, since one row must not close a group for a whole sale. Only what the order owns by a ticket
// or a paid row, and the layout has in this group under the same name, is sold all the same: a seat is sold once, whatever
// version it was sold in.
func (r *Rebuilder) passOver(l holds.Load, layout readmodel.LayoutGroup, row order.Order, committed bool) {
	r.meter.Put(telemetry.InvariantsBroken, 1)
	if !row.Status.Paid() && !committed {
		return
	}
	for _, seat := range row.Owned() {
		if places, _, known := layout.Places([]string{seat}); known {
			sellAll(l.Sold, row.OrderID, places)
		}
	}
}

// sellAll counts the places of a committed order as sold to it, with tickets that were seen or not: a query sees a
// transaction half done, and a place whose ticket is not visible yet would be loaded as free. A place with another's ticket
// is that one's: the tickets were read after the row, which has lost it since.
func sellAll(sold map[int]contracts.OrderID, id contracts.OrderID, places []int) {
	for _, p := range places {
		if _, has := sold[p]; !has {
			sold[p] = id
		}
	}
}

// mismatch is rows and layout that do not belong together, which a frozen layout rules out. No attempt cures it.
func mismatch(err error) error { return &retry.PoisonError{Reason: "layout_mismatch", Err: err} }

// rows reads the index twice with time between, and then the rows themselves, consistently: the index only says whom to
// look at. It gives those that are open, and those that are paid: the index has an order until its money is captured, and
// an order that was open in the index may have been committed since.
func (r *Rebuilder) rows(ctx context.Context, g contracts.SeatGroup) ([]order.Order, error) {
	ids := map[contracts.OrderID]struct{}{}
	for pass := range 2 {
		if pass > 0 {
			if err := r.o.Wait(ctx, r.o.IndexSettle); err != nil {
				return nil, err
			}
		}
		found, err := r.truth.OpenIDs(ctx, g)
		if err != nil {
			return nil, err
		}
		for _, id := range found {
			ids[id] = struct{}{}
		}
	}
	rows, err := r.truth.ReadMany(ctx, slices.Sorted(maps.Keys(ids)))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(rows, func(o order.Order) bool { return !o.Status.Open() && !o.Status.Paid() }), nil
}
