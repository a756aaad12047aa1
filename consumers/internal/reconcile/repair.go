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

// compareEvery is how often a group is compared whose revision did not change: after a failover a lagging replica may have reached
// the same number with other places.
const compareEvery = 10 * time.Minute

// comparison is the last complete comparison of a group. The process remembers it; a new process compares every group again.
type comparison struct {
	revision seatstate.Revision
	at       contracts.Instant
}

// repaired counts the orders whose places were changed, and those that got a SettleOrder for a lost seat.
type repaired struct{ orders, lost int }

// repair changes a group in Redis to what rows and tickets say, unless it has not changed since that was last so.
//
// It reads the group first, then rows, then tickets. The store skips changes of places that have changed in between, and the next
// run compares them (holds.Change). So no lock is needed, and no hold that is under way is lost.
func (r *Reconciler) repair(ctx context.Context, g group, now contracts.Instant, run int64) (repaired, error) {
	if last, ok := r.lastComparison(g.SeatGroup); ok && last.revision == g.snapshot.Revision && now < last.at.Add(compareEvery) {
		return repaired{}, nil
	}
	state, err := r.Groups.State(ctx, g.GroupVersion)
	if errors.Is(err, holds.ErrNotLoaded) {
		return repaired{}, nil // lost since this run began; the next run has it loaded
	}
	if err != nil {
		return repaired{}, err
	}
	drift, err := r.drift(ctx, g, state)
	if err != nil {
		if retry.Classify(err).Class == retry.ClassPoison {
			r.reportBroken(1)
		}
		return repaired{}, fmt.Errorf("compare %s: %w", g.Key(), err)
	}
	orders, displaced, complete, err := r.applyChanges(ctx, g, state.Revision.Epoch, drift.Changes)
	done := repaired{orders: orders}
	if err != nil {
		return done, err
	}
	lost := slices.Concat(drift.Lost, displaced)
	slices.Sort(lost)
	lost = slices.Compact(lost)
	// The command id has the number of the run, so that this message is not dropped as a repeat of one that was lost.
	if err := seats.TellSeatLost(ctx, r.Sender, g.SeatGroup, lost, commandOf(run)); err != nil {
		return done, err
	}
	done.lost = len(lost)
	if complete {
		r.remember(g.SeatGroup, comparison{revision: state.Revision, at: now})
	}
	return done, nil
}

// applyChanges writes the changes of a comparison to a group of this epoch. orders counts the orders whose places were changed,
// displaced are those whose hold a sale has overwritten, and complete says that no change was skipped.
func (r *Reconciler) applyChanges(
	ctx context.Context, g group, epoch int64, changes []holds.Change,
) (orders int, displaced []contracts.OrderID, complete bool, err error) {
	complete = true
	// At most MaxPlaces changes are one call, in which a place that one change frees can be taken by another.
	for chunk := range slices.Chunk(changes, holds.MaxPlaces) {
		result, err := r.Groups.Repair(ctx, g.GroupVersion, epoch, chunk)
		if err != nil && !errors.Is(err, holds.ErrNotLoaded) {
			return orders, displaced, false, fmt.Errorf("repair %s: %w", g.Key(), err)
		}
		orders += len(result.Done)
		displaced = append(displaced, result.Displaced...)
		complete = complete && err == nil && !result.EpochChanged && len(result.Skipped) == 0
		r.logRepair(ctx, g, result)
	}
	return orders, displaced, complete, nil
}

// drift reads rows and then tickets, and compares the group with them. The rows say which seats an order owns; the tickets name the
// owners whose row was read before it was paid. An order whose places are exactly its tickets needs no read of its row, so drift
// reads the tickets before the rows too, and reads nothing more if no order is left.
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
			r.reportOtherLayout(ctx, g, o, rows)
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

// reportOtherLayout raises an alarm for a row of another layout version. That is a fault, since seats of a layout that is not frozen
// are never held. The other orders of the group are compared all the same. As in a rebuild, a paid row keeps the seats that the
// layout has in this group under the same name, and an open row is ignored.
func (r *Reconciler) reportOtherLayout(ctx context.Context, g group, o order.Order, rows map[contracts.OrderID]holds.Row) {
	r.Log.ErrorContext(ctx, "an order is of another layout than the one that is sold", telemetry.KeyOrder, o.OrderID, telemetry.KeyVersion, o.Version,
		telemetry.KeySeatGroup, g.Key(), telemetry.KeyError, fmt.Sprintf("layout %d, and layout %d is sold", o.LayoutVersion, g.LayoutVersion))
	r.reportBroken(1)
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

// rowIn returns what a row says about the group. A row of another group has no places here: the same key was sent to both groups,
// and the other body was stored first.
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

// tickets reads the tickets of a group: place to owner.
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

func (r *Reconciler) lastComparison(g contracts.SeatGroup) (last comparison, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, ok = r.last[g]
	return last, ok
}

func (r *Reconciler) remember(g contracts.SeatGroup, c comparison) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil {
		r.last = map[contracts.SeatGroup]comparison{}
	}
	r.last[g] = c
}
