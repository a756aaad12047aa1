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

// read reads the tickets and the open orders of a group. The caller holds the lock, so no other loader works on the group, and no
// order is decided in between, since that needs a hold in the group, which is not loaded.
func (r *Loader) read(ctx context.Context, g seatstate.GroupVersion) (holds.Load, error) {
	layout, err := r.catalogue.LayoutGroup(ctx, g.ConcertID, g.LayoutVersion, g.Group)
	if err != nil {
		return holds.Load{}, err
	}
	rows, err := r.rows(ctx, g.SeatGroup)
	if err != nil {
		return holds.Load{}, err
	}
	// Tickets are read after rows, so that an order that is committed in between counts as sold.
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
			r.addOtherVersion(l, layout, row, committed[row.OrderID])
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
			markSold(l.Sold, row.OrderID, places)
		default:
			l.Open = append(l.Open, holds.OpenOrder{
				Ask:     holds.Ask{Order: row.OrderID, Hash: row.RequestHash, Places: places},
				Version: row.Version, HeldAt: row.HeldAt, ExpiresAt: row.HoldExpiresAt,
			})
		}
	}
	return l, nil
}

// addOtherVersion counts a row of another layout version as a broken invariant: only seats of the frozen version are ever held.
// The group is loaded without a hold for this row, since one row must not close the group for the whole sale. But a seat is sold
// once, whatever version it was sold in: if the order is paid or has a ticket, its seats that this layout has under the same
// name are loaded as sold.
func (r *Loader) addOtherVersion(l holds.Load, layout readmodel.LayoutGroup, row order.Order, committed bool) {
	r.meter.Put(telemetry.InvariantsBroken, 1)
	if !row.Status.Paid() && !committed {
		return
	}
	for _, seat := range row.Owned() {
		if places, err := Places(layout, []string{seat}); err == nil {
			markSold(l.Sold, row.OrderID, places)
		}
	}
}

// markSold marks the places of a committed order as sold to it, even if their tickets were not read: a query may see only some of
// the tickets of a transaction, and the other places would be loaded as free. A place with the ticket of another order stays
// that order's: the tickets were read after the row, which has lost the seat since.
func markSold(sold map[int]contracts.OrderID, id contracts.OrderID, places []int) {
	for _, p := range places {
		if _, has := sold[p]; !has {
			sold[p] = id
		}
	}
}

// rows returns the open and the paid orders of a group. It reads the index twice, with a pause, and then each row with a
// consistent read: the index only says which rows to read. Paid orders belong to the result because the index contains an order
// until its money is captured, and because an order that was open in the index may have been committed since.
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
