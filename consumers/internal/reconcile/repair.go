package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/seats"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/telemetry"
)

// compareEvery is when a group is compared again whose revision did not move: after a failover a lagging replica may have
// come to the same number with other places.
const compareEvery = 10 * time.Minute

// compared is the last comparison of a group that left nothing open. A process remembers it; a new one compares anew.
type compared struct {
	revision seatstate.Revision
	at       contracts.Instant
}

// repaired counts what a comparison did.
type repaired struct{ orders, lost int }

// repair brings one group in Redis to what rows and tickets say, unless it has not moved since that was last so.
//
// The group is read first, then rows, then tickets; what has moved in between is refused by the store and looked at in
// the next run (holds.Change). So no lock is needed and no running hold is lost.
func (r *Reconciler) repair(ctx context.Context, g group, now contracts.Instant, run int64) (repaired, error) {
	if last, ok := r.compared(g.SeatGroup); ok && last.revision == g.snapshot.Revision && now < last.at.Add(compareEvery) {
		return repaired{}, nil
	}
	state, err := r.Groups.State(ctx, g.GroupVersion)
	if errors.Is(err, holds.ErrNotLoaded) {
		return repaired{}, nil // lost since this run began; the next one asks for it
	}
	if err != nil {
		return repaired{}, err
	}
	drift, err := r.drift(ctx, g, state)
	if err != nil {
		if retry.Classify(err).Class == retry.ClassPoison {
			r.Meter.Put(telemetry.InvariantsBroken, 1)
		}
		return repaired{}, fmt.Errorf("compare %s: %w", g.Key(), err)
	}
	var done repaired
	lost, settled := drift.Lost, true
	// All in one call, as long as it is one: a place that one change frees is another's.
	for changes := range slices.Chunk(drift.Changes, holds.MaxPlaces) {
		result, err := r.Groups.Repair(ctx, g.GroupVersion, state.Revision.Epoch, changes)
		if err != nil && !errors.Is(err, holds.ErrNotLoaded) {
			return done, fmt.Errorf("repair %s: %w", g.Key(), err)
		}
		done.orders += len(result.Done)
		lost = append(lost, result.Displaced...)
		settled = settled && err == nil && !result.EpochChanged && len(result.Skipped) == 0
		r.logRepair(ctx, g, result)
	}
	slices.Sort(lost)
	lost = slices.Compact(lost)
	// The number of the run makes it a new send: who was told of the sale itself, and did not hear it, hears this.
	if err := seats.TellSeatLost(ctx, r.Sender, g.SeatGroup, lost, commandOf(run)); err != nil {
		return done, err
	}
	done.lost = len(lost)
	if settled {
		r.remember(g.SeatGroup, compared{revision: state.Revision, at: now})
	}
	return done, nil
}

// drift reads rows and then tickets and compares: the rows say what is owned, the tickets name owners whose row has not
// been read as paid. Orders whose places are just their tickets need no row, so the tickets
// are read before as well; where that leaves nobody, nothing more is read.
func (r *Reconciler) drift(ctx context.Context, g group, state holds.State) (holds.Drift, error) {
	tickets, err := r.tickets(ctx, g)
	if err != nil {
		return holds.Drift{}, err
	}
	open, err := r.Rows.OpenIDs(ctx, g.SeatGroup)
	if err != nil {
		return holds.Drift{}, err
	}
	ids := append(state.Unsettled(tickets), open...)
	slices.Sort(ids)
	if ids = slices.Compact(ids); len(ids) == 0 {
		return holds.Drift{}, nil
	}
	read, err := r.Rows.ReadMany(ctx, ids)
	if err != nil {
		return holds.Drift{}, err
	}
	rows := make(map[contracts.OrderID]holds.Row, len(read))
	for _, o := range read {
		if o.SeatGroup() == g.SeatGroup && !o.Status.Dead() && o.LayoutVersion != g.LayoutVersion {
			r.passOver(ctx, g, o, rows)
			continue
		}
		if rows[o.OrderID], err = rowIn(g, o); err != nil {
			return holds.Drift{}, err
		}
	}
	if tickets, err = r.tickets(ctx, g); err != nil {
		return holds.Drift{}, err
	}
	return state.Drift(rows, tickets), nil
}

// passOver raises an alarm for a row of another layout version, which is a fault: nothing of one that is not frozen is ever held.
// The other orders of the group are compared all the same. Of this one only what a paid row owns counts, where the layout has
// the seat in this group under the same name, as in a rebuild; an open one is left as it is.
func (r *Reconciler) passOver(ctx context.Context, g group, o order.Order, rows map[contracts.OrderID]holds.Row) {
	r.Log.ErrorContext(ctx, "an order is of another layout than the one that is sold", telemetry.KeyOrder, o.OrderID, telemetry.KeyVersion, o.Version,
		telemetry.KeySeatGroup, g.Key(), telemetry.KeyError, fmt.Sprintf("layout %d, and layout %d is sold", o.LayoutVersion, g.LayoutVersion))
	r.Meter.Put(telemetry.InvariantsBroken, 1)
	if !o.Status.Paid() {
		return
	}
	row := holds.Row{Version: o.Version, Hash: o.RequestHash, Paid: true}
	for _, seat := range o.Owned() {
		if places, err := seats.Places(g.layout, []string{seat}); err == nil {
			row.Places = append(row.Places, places...)
		}
	}
	rows[o.OrderID] = row
}

// rowIn is what a row says of the group. Of another group's order it says that it has nothing here: the same key was
// sent to both, and the other one's body was stored first.
func rowIn(g group, o order.Order) (row holds.Row, err error) {
	row = holds.Row{Version: o.Version, Hash: o.RequestHash}
	if o.SeatGroup() != g.SeatGroup {
		return row, nil
	}
	switch {
	case o.Status.Open():
		row.Open, row.HeldAt, row.ExpiresAt = true, o.HeldAt, o.HoldExpiresAt
		row.Places, err = seats.Places(g.layout, o.Seats)
	case o.Status.Paid():
		row.Paid = true
		row.Places, err = seats.Places(g.layout, o.Owned())
	}
	if err != nil {
		return row, fmt.Errorf("order %s: %w", o.OrderID, err)
	}
	return row, nil
}

func (r *Reconciler) tickets(ctx context.Context, g group) (map[int]contracts.OrderID, error) {
	named, err := r.Rows.Tickets(ctx, g.SeatGroup)
	if err != nil {
		return nil, err
	}
	tickets := make(map[int]contracts.OrderID, len(named))
	for seat, owner := range named {
		places, err := seats.Places(g.layout, []string{seat})
		if err != nil {
			return nil, fmt.Errorf("ticket of order %s: %w", owner, err)
		}
		tickets[places[0]] = owner
	}
	return tickets, nil
}

func (r *Reconciler) logRepair(ctx context.Context, g group, result holds.Repaired) {
	for _, id := range result.Done {
		r.Log.WarnContext(ctx, "places repaired", telemetry.KeySeatGroup, g.Key(), telemetry.KeyOrder, id)
	}
}

func (r *Reconciler) compared(g contracts.SeatGroup) (last compared, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, ok = r.last[g]
	return last, ok
}

func (r *Reconciler) remember(g contracts.SeatGroup, c compared) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil {
		r.last = map[contracts.SeatGroup]compared{}
	}
	r.last[g] = c
}
