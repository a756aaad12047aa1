package reconcile_test

import (
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// A layout is frozen ten minutes before its sale and not earlier, and its groups are loaded in the same run.
func TestALayoutIsFrozenWhenItsSaleIsNear(t *testing.T) {
	for at, want := range map[contracts.Instant]int{
		90*minute - 1: 0, 90 * minute: 1, 150 * minute: 1, 200*minute - 1: 1, 200 * minute: 0,
	} {
		w := newWorld(t)
		w.concerts = []readmodel.Concert{{ConcertID: "nocturne", OnSaleAt: 100 * minute, OffSaleAt: 200 * minute, LayoutVersion: 3}}
		w.now = at
		report, err := w.run(t)
		if err != nil || report.Frozen != want || w.concerts[0].LayoutFrozen != 3*want || report.Groups != 2*want {
			t.Errorf("at %d: %+v, %v, frozen %d", at, report, err, w.concerts[0].LayoutFrozen)
		}
		if report, err := w.run(t); err != nil || report.Frozen != 0 {
			t.Errorf("at %d, once more: %+v, %v", at, report, err)
		}
	}
}

// A concert that was cancelled before its layout was frozen is not sold, so that nothing has to be frozen or loaded.
func TestACancelledConcertIsNotFrozen(t *testing.T) {
	w := newWorld(t)
	w.concerts = []readmodel.Concert{{ConcertID: "nocturne", OnSaleAt: 100 * minute, OffSaleAt: 200 * minute, LayoutVersion: 3, CancelledAt: 1}}
	w.now = 95 * minute
	if report, err := w.run(t); err != nil || report.Frozen != 0 || report.Groups != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// A layout that cannot be read is not frozen, and stops no other concert; the next run makes up for what failed.
func TestALayoutThatCannotBeReadIsNotFrozen(t *testing.T) {
	for _, call := range []string{"complete first", "freeze"} {
		w := newWorld(t)
		first := readmodel.Concert{ConcertID: "first", OnSaleAt: 155 * minute, OffSaleAt: 200 * minute, LayoutVersion: 1}
		w.concerts = append(w.concerts, first)
		w.fail[call] = true
		report, err := w.run(t)
		if err == nil || report.Frozen != 0 || report.Groups != 2 || w.concerts[2].LayoutFrozen != 0 {
			t.Errorf("%s: %+v, %v", call, report, err)
		}
		clear(w.fail)
		if report, err := w.run(t); err != nil || report.Frozen != 1 || report.Groups != 4 {
			t.Errorf("after %s: %+v, %v", call, report, err)
		}
	}
}
