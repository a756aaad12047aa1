package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// maxFreezes bounds the layouts that a run freezes, the soonest sale first: each is read whole.
const maxFreezes = 50

var errNoLayout = errors.New("the layout has no groups")

// freeze marks the layouts whose sale begins soon, and shows the marks in concerts. From then on no other layout of the concert
// is ever sold, whatever its times say later. The loader marks a layout itself where it comes that late.
//
// A concert's row is written after every item of its layout, so that a row which names a version shows that all of it is there.
// A layout that cannot be read is not marked: its groups could not be loaded either.
func (r *Reconciler) freeze(ctx context.Context, s share, concerts []readmodel.Concert, now contracts.Instant) (frozen int, err error) {
	var p problems
	var due []int
	for i, c := range concerts {
		if c.FreezeDue(now) && now < c.OffSaleAt {
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
		groups, err := r.Catalogue.Layout(ctx, c.ConcertID, c.LayoutVersion)
		if err == nil && len(groups) == 0 {
			err = errNoLayout
		}
		if err != nil {
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
