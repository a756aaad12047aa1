package reconcile

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// maxFreezes bounds the layouts that a run freezes, the soonest sale first: each item of it is read.
const maxFreezes = 50

// freeze marks the layouts whose sale begins soon, and shows the marks in concerts. From then on no other layout of the concert
// is ever sold, whatever its times say later. The loader marks a layout itself where it comes that late.
//
// A layout is marked once every item of it was read and is complete: what cannot be read could not be sold, or not be shown.
func (r *Reconciler) freeze(ctx context.Context, s share, concerts []readmodel.Concert, now contracts.Instant) (frozen int, err error) {
	var p problems
	var due []int
	for i, c := range concerts {
		if c.CancelledAt == 0 && c.FreezeDue(now) && now < c.OffSaleAt {
			due = append(due, i)
		}
	}
	slices.SortFunc(due, func(a, b int) int {
		return cmp.Or(cmp.Compare(concerts[a].OnSaleAt, concerts[b].OnSaleAt), cmp.Compare(concerts[a].ConcertID, concerts[b].ConcertID))
	})
	for n, i := range due[:min(len(due), maxFreezes)] {
		if n > 0 && s.over() {
			break
		}
		c := &concerts[i]
		if err := r.Catalogue.Complete(ctx, c.ConcertID, c.LayoutVersion); err != nil {
			p.add(fmt.Errorf("layout %d of %s is not frozen: %w", c.LayoutVersion, c.ConcertID, err))
			continue
		}
		done, err := r.Catalogue.Freeze(ctx, c.ConcertID, c.LayoutVersion)
		if err != nil {
			p.add(err)
			continue
		}
		// Refused: a load has put another version there or has set the mark. The next run sees which.
		if done {
			c.LayoutFrozen = c.LayoutVersion
			frozen++
		}
	}
	return frozen, p.err()
}
