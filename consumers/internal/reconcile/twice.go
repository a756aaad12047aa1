package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
)

// maxEarlier bounds in how many layouts that are no longer sold a run looks for tickets. Few concerts have one, so that most runs
// read none.
const maxEarlier = 8

// earlierLayout is a layout version of a concert before the one that is sold.
type earlierLayout struct {
	readmodel.Concert
	version int
}

// earlierLayouts returns those of all watched concerts, in the order of rotation.
func earlierLayouts(concerts []readmodel.Concert, now contracts.Instant, run int64) []earlierLayout {
	var all []earlierLayout
	for _, c := range concerts {
		if !isWatched(c, now) {
			continue
		}
		for version := 1; version < c.LayoutFrozen; version++ {
			all = append(all, earlierLayout{c, version})
		}
	}
	slices.SortFunc(all, func(a, b earlierLayout) int {
		return cmp.Or(cmp.Compare(a.ConcertID, b.ConcertID), cmp.Compare(a.version, b.version))
	})
	return rotated(all, int(fractionOf(run)*float64(len(all))))
}

// findSoldTwice looks for seats with two tickets. The key of a ticket has its seat group, so one seat can have a ticket in each of
// two groups, and no transaction refuses the second. That takes two layouts of one concert that are both sold, which must never
// happen. So findSoldTwice reads tickets in the groups of earlier layouts, of seats that the layout that is sold has in another
// group or not at all. Such a seat is sold twice or can be, and raises an alarm in each run that finds it. left counts the layouts
// that were not read.
func (r *Reconciler) findSoldTwice(ctx context.Context, budget timeBudget, layouts []earlierLayout) (found, left int, err error) {
	left = max(len(layouts)-maxEarlier, 0)
	var mu sync.Mutex
	unread, err := forEach(budget, parallelLayouts, layouts[:len(layouts)-left], func(e earlierLayout) error {
		n, err := r.findOutside(ctx, e)
		mu.Lock()
		defer mu.Unlock()
		found += n
		return err
	})
	if found > 0 {
		r.reportBroken(found)
	}
	return found, left + unread, err
}

// findOutside reports the tickets of an earlier layout's groups whose seats the layout that is sold has in another group or not at
// all.
func (r *Reconciler) findOutside(ctx context.Context, e earlierLayout) (found int, err error) {
	sold, soldErr := r.Catalogue.Layout(ctx, e.ConcertID, e.LayoutFrozen)
	before, beforeErr := r.Catalogue.Layout(ctx, e.ConcertID, e.version)
	// Versions need not begin at 1 or follow one another. A version that never existed has no tickets.
	if missing := (&retry.PoisonError{}); errors.As(beforeErr, &missing) && missing.Reason == retry.ReasonCatalogueMissing {
		beforeErr = nil
	}
	if err := errors.Join(soldErr, beforeErr); err != nil {
		return 0, fmt.Errorf("layouts %d and %d of %s: %w", e.version, e.LayoutFrozen, e.ConcertID, err)
	}
	groupOf := map[string]string{}
	for _, g := range sold {
		for _, seat := range g.Seats {
			groupOf[seat] = g.Group
		}
	}
	var p problems
	for _, g := range before {
		in := contracts.SeatGroup{ConcertID: e.ConcertID, Group: g.Group}
		moved := slices.DeleteFunc(slices.Clone(g.Seats), func(seat string) bool { return groupOf[seat] == g.Group })
		if len(moved) == 0 {
			continue
		}
		tickets, err := r.Rows.Tickets(ctx, in)
		if err != nil {
			p.add(err)
			continue
		}
		for _, seat := range moved {
			if owner, ticketed := tickets[seat]; ticketed {
				found++
				p.add(r.reportOutside(ctx, in, seat, owner, groupOf[seat]))
			}
		}
	}
	return found, p.err()
}

// reportOutside reports a ticket whose seat is not in its group in the layout that is sold, and which order has the seat there. now
// is the seat's group in that layout, "" if it has none.
func (r *Reconciler) reportOutside(ctx context.Context, in contracts.SeatGroup, seat string, owner contracts.OrderID, now string) error {
	reason := "ticket_outside_layout"
	what := fmt.Sprintf("seat %s has a ticket of order %s, and the layout that is sold has it in %q", seat, owner, now)
	var readErr error
	if now != "" {
		tickets, err := r.Rows.Tickets(ctx, contracts.SeatGroup{ConcertID: in.ConcertID, Group: now})
		if other, ticketed := tickets[seat]; ticketed {
			reason, what = "seat_sold_twice", fmt.Sprintf("seat %s has a ticket of order %s and one of order %s in %s", seat, owner, other, now)
		}
		readErr = err
	}
	// It is reported also if the tickets of the seat's new group could not be read.
	r.Log.ErrorContext(ctx, "a ticket is in a group that is not its seat's", telemetry.KeyReason, reason,
		telemetry.KeySeatGroup, in.Key(), telemetry.KeyOrder, owner, telemetry.KeyError, what)
	return readErr
}
