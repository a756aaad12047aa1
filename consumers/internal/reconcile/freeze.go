package reconcile

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// maxFreezes bounds how many layouts a run freezes, the soonest sale first, since it reads each item of them.
const maxFreezes = 50

// freeze marks the layouts whose sale begins soon as frozen, also in concerts. From then on no other layout of the concert is ever
// sold, even if its times change. The loader marks a layout itself if it loads one that late.
//
// freeze marks a layout only if it is complete and every item of it can be read: one that cannot be read can be neither sold nor
// shown.
func (r *Reconciler) freeze(ctx context.Context, budget timeBudget, concerts []readmodel.Concert, now contracts.Instant) (frozen int, err error) {
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
		if n > 0 && budget.spent() {
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
		// If it is refused, the loader has stored another version or set the mark. The next run sees which.
		if done {
			c.LayoutFrozen = c.LayoutVersion
			frozen++
		}
	}
	return frozen, p.err()
}
