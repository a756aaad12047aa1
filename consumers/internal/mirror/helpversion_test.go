package mirror_test

import (
	"testing"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
)

// A sale that is taken back for another order is that order's, so it goes under that order's version: versions of different
// orders are never compared. Under the own one it would be refused as old, or the other order's next version would be.
func TestHelpGoesByTheOtherOrdersVersion(t *testing.T) {
	for name, versions := range map[string]struct{ former, owner int }{
		"the former owner's row is at a higher version": {7, 3}, "at a lower one": {3, 7},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			at := func(o order.Order, version int) order.Order {
				t.Helper()
				next := o
				next.Version = version
				if err := w.rows.Update(t.Context(), o, next); err != nil {
					t.Fatal(err)
				}
				return next
			}
			former := at(w.row(t, contracts.Revoked, "A-1"), versions.former)
			if _, err := w.store.Sell(t.Context(), v1(group), former.OrderID, []int{0}, versions.former-1); err != nil {
				t.Fatal(err)
			}
			owner := at(w.row(t, contracts.Committed, "A-1"), versions.owner)
			w.mirror(t, owner.OrderID)
			if got := w.shown(owner.OrderID); got != "s0 . . . . . " {
				t.Errorf("Redis shows %q", got)
			}
			if record := w.store.Inspect(group).Records[former.OrderID]; record.Version != versions.former {
				t.Errorf("the former owner's record is at version %d, its row at %d", record.Version, versions.former)
			}
			w.mirror(t, former.OrderID)
			if got := w.shown(owner.OrderID); got != "s0 . . . . . " {
				t.Errorf("in the end Redis shows %q", got)
			}
		})
	}
}
