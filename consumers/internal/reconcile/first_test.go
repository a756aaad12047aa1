package reconcile_test

import (
	"slices"
	"testing"

	"boxoffice/consumers/internal/testkit/world"
	"boxoffice/contracts"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/readmodel"
)

// The list of layouts that a process reads first has the frozen ones whose sales begin or began nearest to now, and is written only
// if it changes.
func TestTheLayoutsThatAProcessReadsFirst(t *testing.T) {
	w := newFixture(t)
	w.SetTime(100 * minute)
	concert := func(id string, onSale, offSale contracts.Instant, version, frozen int) readmodel.Concert {
		return readmodel.Concert{ConcertID: id, OnSaleAt: onSale, OffSaleAt: offSale, LayoutVersion: version, LayoutFrozen: frozen}
	}
	w.Catalog.Concerts = []readmodel.Concert{
		concert("long-ago", 1*minute, 900*minute, 1, 1),
		concert("an-hour-ago", 40*minute, 900*minute, 1, 1),
		concert("just-opened", 99*minute, 900*minute, 4, 4),
		concert("soon", 105*minute, 900*minute, 1, 1),
		concert("frozen-in-this-run", 108*minute, 900*minute, 2, 0),
		concert("later", 500*minute, 900*minute, 1, 0),
		concert("over", 50*minute, 100*minute, 1, 1),
		concert("regrouped", 98*minute, 900*minute, 2, 1),
		concert("cancelled", 100*minute, 900*minute, 1, 1),
	}
	w.Catalog.Concerts[8].CancelledAt = 1
	run := func(calls int, want ...layoutitem.Ref) {
		t.Helper()
		w.ForgetCalls()
		_, err := w.run(t)
		if err != nil || w.Count(world.TellFirst) != calls || !slices.Equal(w.Catalog.First, want) {
			t.Errorf("wrote %v in %d calls, want %v in %d; %v", w.Catalog.First, w.Count(world.TellFirst), want, calls, err)
		}
	}
	first := []layoutitem.Ref{{ConcertID: "just-opened", Version: 4}, {ConcertID: "soon", Version: 1}, {ConcertID: "frozen-in-this-run", Version: 2}, {ConcertID: "an-hour-ago", Version: 1}}
	run(1, first...)
	run(0, first...)
	w.SetTime(104 * minute)
	second := []layoutitem.Ref{first[1], first[2], first[0], first[3]}
	run(1, second...)
	// With only a part of the concerts the list is not written.
	w.Catalog.Concerts[3].OffSaleAt = w.Instant()
	w.Catalog.Unreadable = true
	w.ForgetCalls()
	if _, err := w.run(t); err == nil || w.Count(world.TellFirst) != 0 {
		t.Errorf("%v, written in %d calls", err, w.Count(world.TellFirst))
	}
	w.Catalog.Unreadable = false
	// After a failed write the next run writes it.
	w.Inject(world.Fails(world.TellFirst).Always())
	if _, err := w.run(t); err == nil {
		t.Error("the failure is not reported")
	}
	w.Heal()
	run(1, first[2], first[0], first[3], layoutitem.Ref{ConcertID: "long-ago", Version: 1})
}
