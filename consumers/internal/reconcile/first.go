package reconcile

import (
	"cmp"
	"context"
	"slices"

	"boxoffice/contracts"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/readmodel"
)

// writeFirst writes which layouts a process reads before its first request, if that has changed since this process wrote it: those
// of the sales that begin or began nearest to now, since most processes start then. Without that item a process would have to read
// every concert to find out.
func (r *Reconciler) writeFirst(ctx context.Context, concerts []readmodel.Concert, now contracts.Instant) error {
	refs := firstLayouts(concerts, now)
	if r.firstWritten && slices.Equal(refs, r.first) {
		return nil
	}
	if err := r.Catalogue.TellFirst(ctx, refs); err != nil {
		return err
	}
	r.firstWritten, r.first = true, refs
	return nil
}

func firstLayouts(concerts []readmodel.Concert, now contracts.Instant) []layoutitem.Ref {
	sold := slices.DeleteFunc(slices.Clone(concerts), func(c readmodel.Concert) bool {
		return c.CancelledAt != 0 || c.LayoutFrozen == 0 || c.LayoutFrozen != c.LayoutVersion || now >= c.OffSaleAt
	})
	slices.SortFunc(sold, func(a, b readmodel.Concert) int {
		return cmp.Or(cmp.Compare(a.OnSaleAt.Sub(now).Abs(), b.OnSaleAt.Sub(now).Abs()), cmp.Compare(a.ConcertID, b.ConcertID))
	})
	var refs []layoutitem.Ref
	for _, c := range sold[:min(len(sold), layoutitem.MaxFirst)] {
		refs = append(refs, layoutitem.Ref{ConcertID: c.ConcertID, Version: c.LayoutFrozen})
	}
	return refs
}
