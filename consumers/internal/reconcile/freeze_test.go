package reconcile_test

import (
	"testing"

	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// A layout is frozen ten minutes before its sale and not earlier, and its groups are loaded in the same run.
func TestALayoutIsFrozenWhenItsSaleIsNear(t *testing.T) {
	for at, want := range map[contracts.Instant]int{
		90*minute - 1: 0, 90 * minute: 1, 150 * minute: 1, 200*minute - 1: 1, 200 * minute: 0,
	} {
		w := newFixture(t)
		w.Catalog.Concerts = []readmodel.Concert{{ConcertID: "nocturne", OnSaleAt: 100 * minute, OffSaleAt: 200 * minute, LayoutVersion: 3}}
		w.SetTime(at)
		report, err := w.run(t)
		if err != nil || report.Frozen != want || w.Catalog.Concerts[0].LayoutFrozen != 3*want || report.Groups != 2*want {
			t.Errorf("at %d: %+v, %v, frozen %d", at, report, err, w.Catalog.Concerts[0].LayoutFrozen)
		}
		if report, err := w.run(t); err != nil || report.Frozen != 0 {
			t.Errorf("at %d, once more: %+v, %v", at, report, err)
		}
	}
}

// A concert that was cancelled before its layout was frozen is not sold, so that nothing has to be frozen or loaded.
func TestACancelledConcertIsNotFrozen(t *testing.T) {
	w := newFixture(t)
	w.Catalog.Concerts = []readmodel.Concert{{ConcertID: "nocturne", OnSaleAt: 100 * minute, OffSaleAt: 200 * minute, LayoutVersion: 3, CancelledAt: 1}}
	w.SetTime(95 * minute)
	if report, err := w.run(t); err != nil || report.Frozen != 0 || report.Groups != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// A layout that cannot be read is not frozen, and stops no other concert; the next run freezes it.
func TestALayoutThatCannotBeReadIsNotFrozen(t *testing.T) {
	for _, fault := range []world.Fault{world.Fails(world.Complete).About("first"), world.Fails(world.Freeze)} {
		w := newFixture(t)
		first := readmodel.Concert{ConcertID: "first", OnSaleAt: 155 * minute, OffSaleAt: 200 * minute, LayoutVersion: 1}
		w.Catalog.Concerts = append(w.Catalog.Concerts, first)
		w.Inject(fault.Always())
		report, err := w.run(t)
		if err == nil || report.Frozen != 0 || report.Groups != 2 || w.Catalog.Concerts[2].LayoutFrozen != 0 {
			t.Errorf("%s: %+v, %v", fault, report, err)
		}
		w.Heal()
		if report, err := w.run(t); err != nil || report.Frozen != 1 || report.Groups != 4 {
			t.Errorf("after %s: %+v, %v", fault, report, err)
		}
	}
}
