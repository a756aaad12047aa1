package seats

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/telemetry"
)

// read gathers tickets and open orders. The lock is held, so nobody else loads; orders may be decided meanwhile only
// by holds in Redis, which is not there.
func (r *Loader) read(ctx context.Context, g seatstate.GroupVersion) (holds.Load, error) {
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
		places, err := Places(layout, []string{seat})
		if err != nil {
			return holds.Load{}, fmt.Errorf("ticket: %w", err)
		}
		l.Sold[places[0]] = owner
		committed[owner] = true
	}
	for _, row := range rows {
		if row.LayoutVersion != g.LayoutVersion {
			r.passOver(l, layout, row, committed[row.OrderID])
			continue
		}
		names := row.Seats
		if row.Status.Paid() {
			names = row.Owned()
		}
		places, err := Places(layout, names)
		switch {
		case err != nil:
			return holds.Load{}, fmt.Errorf("order %s: %w", row.OrderID, err)
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
func (r *Loader) passOver(l holds.Load, layout readmodel.LayoutGroup, row order.Order, committed bool) {
	r.meter.Put(telemetry.InvariantsBroken, 1)
	if !row.Status.Paid() && !committed {
		return
	}
	for _, seat := range row.Owned() {
		if places, err := Places(layout, []string{seat}); err == nil {
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

// rows reads the index twice with time between, and then the rows themselves, consistently: the index only says whom to
// look at. It gives those that are open, and those that are paid: the index has an order until its money is captured, and
// an order that was open in the index may have been committed since.
func (r *Loader) rows(ctx context.Context, g contracts.SeatGroup) ([]order.Order, error) {
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
