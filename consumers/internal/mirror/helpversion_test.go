package mirror_test

import (
	"testing"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
)

// A sale that is taken back is recorded under the version of the order that it was made for: versions of different orders are
// never compared. Under the version of the order that needs the seat it would be refused as old, or the former owner's next
// version would be.
func TestASaleIsTakenBackUnderItsOwnOrdersVersion(t *testing.T) {
	for name, versions := range map[string]struct{ former, owner int }{
		"the former owner's row is at a higher version": {7, 3}, "at a lower one": {3, 7},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			at := func(o order.Order, version int) order.Order {
				t.Helper()
				next := o
				next.Version = version
				if err := w.Rows.Update(t.Context(), o, next); err != nil {
					t.Fatal(err)
				}
				return next
			}
			former := at(w.put(t, contracts.Revoked, "A-1"), versions.former)
			w.sell(t, former.OrderID, versions.former-1, 0)
			owner := at(w.put(t, contracts.Committed, "A-1"), versions.owner)
			w.mirror(t, owner.OrderID)
			w.WantPlaces(t, group, sold(owner))
			w.recorded(t, former.OrderID, versions.former)
			w.mirror(t, former.OrderID)
			w.WantPlaces(t, group, sold(owner))
		})
	}
}
