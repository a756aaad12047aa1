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

// earlierPerRun is how many layouts that are not sold any more a run looks for tickets in. Few concerts have one, so that most
// runs look at none.
const earlierPerRun = 8

// earlier is a layout version of a concert from before the one that is sold.
type earlier struct {
	readmodel.Concert
	version int
}

// earlierLayouts are those of all concerts that are looked after, in the order of rotation.
func earlierLayouts(concerts []readmodel.Concert, now contracts.Instant, run int64) []earlier {
	var all []earlier
	for _, c := range concerts {
		if !lookedAfter(c, now) {
			continue
		}
		for version := 1; version < c.LayoutFrozen; version++ {
			all = append(all, earlier{c, version})
		}
	}
	slices.SortFunc(all, func(a, b earlier) int {
		return cmp.Or(cmp.Compare(a.ConcertID, b.ConcertID), cmp.Compare(a.version, b.version))
	})
	return rotated(all, int(fractionOf(run)*float64(len(all))))
}

// twice finds seats with two tickets. The key of a ticket has its seat group, so that one seat may have a ticket in each of two
// groups, and no transaction refuses the second. It takes two layouts of one concert that are both sold, which nothing may bring
// about. So tickets are looked for where the layout that is sold has no such seat: in the groups of earlier layouts. What is found
// there is sold twice, or can be; either is an alarm in each run that looks at it. left are layouts that were not looked at.
func (r *Reconciler) twice(ctx context.Context, s share, layouts []earlier) (found, left int, err error) {
	left = max(len(layouts)-earlierPerRun, 0)
	var mu sync.Mutex
	unread, err := each(s, parallelLayouts, layouts[:len(layouts)-left], func(e earlier) error {
		n, err := r.outside(ctx, e)
		mu.Lock()
		defer mu.Unlock()
		found += n
		return err
	})
	if found > 0 {
		r.Meter.Put(telemetry.InvariantsBroken, float64(found))
	}
	return found, left + unread, err
}

// outside reports the tickets of an earlier layout's groups whose seats the layout that is sold has in another group, or not at
// all.
func (r *Reconciler) outside(ctx context.Context, e earlier) (found int, err error) {
	sold, soldErr := r.Catalogue.Layout(ctx, e.ConcertID, e.LayoutFrozen)
	before, beforeErr := r.Catalogue.Layout(ctx, e.ConcertID, e.version)
	// Versions need not begin at 1 or follow each other. Of one that was never there nothing was sold.
	if never := (&retry.PoisonError{}); errors.As(beforeErr, &never) && never.Reason == retry.ReasonCatalogueMissing {
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

// reportOutside says of a ticket that is outside the layout which is sold who has the seat there; now is the seat's group in that
// layout, "" if it has none.
func (r *Reconciler) reportOutside(ctx context.Context, in contracts.SeatGroup, seat string, owner contracts.OrderID, now string) error {
	reason, what := "ticket_outside_layout", fmt.Sprintf("seat %s has a ticket of order %s, and the layout that is sold has it in %q", seat, owner, now)
	var failed error
	if now != "" {
		tickets, err := r.Rows.Tickets(ctx, contracts.SeatGroup{ConcertID: in.ConcertID, Group: now})
		if other, ticketed := tickets[seat]; ticketed {
			reason, what = "seat_sold_twice", fmt.Sprintf("seat %s has a ticket of order %s and one of order %s in %s", seat, owner, other, now)
		}
		failed = err
	}
	// What is known is said also where who has the seat now could not be read.
	r.Log.ErrorContext(ctx, "a ticket is in a group that is not its seat's", telemetry.KeyReason, reason, telemetry.KeySeatGroup, in.Key(), telemetry.KeyOrder, owner, telemetry.KeyError, what)
	return failed
}
