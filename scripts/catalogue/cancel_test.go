package catalogue

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

func TestCancelEndsASaleOnceAndForGood(t *testing.T) {
	x, entries := target(t), sample(t)[:1]
	id := entries[0].Concert.ConcertID
	if _, err := Load(t.Context(), x, entries, Options{Now: at(2026), CommandID: "one"}); err != nil {
		t.Fatal(err)
	}
	rebuilds(t, x)
	now := contracts.InstantOf(at(2026)())

	seen, err := Cancel(t.Context(), x, id, true, at(2026))
	if want := (Cancellation{ConcertID: id, Before: readmodel.SaleOpen, Changed: true, DryRun: true}); seen != want || err != nil {
		t.Errorf("a dry run reports %+v, %v", seen, err)
	}
	if c := stored(t, x, id); c.CancelledAt != 0 {
		t.Errorf("a dry run has cancelled it at %s", c.CancelledAt)
	}

	done, err := Cancel(t.Context(), x, id, false, at(2026))
	if err != nil || done.Before != readmodel.SaleOpen || !done.Changed || done.CancelledAt == nil || *done.CancelledAt != now {
		t.Errorf("reported is %+v, %v", done, err)
	}
	again, err := Cancel(t.Context(), x, id, false, at(2028))
	if err != nil || again.Before != readmodel.SaleCancelled || again.Changed || again.CancelledAt == nil || *again.CancelledAt != now {
		t.Errorf("once more: %+v, %v", again, err)
	}

	// The rest of the row is unchanged, and a load does not undo the cancellation.
	before := stored(t, x, id)
	entries[0].Concert.Title = "Another title"
	report, err := Load(t.Context(), x, entries, Options{Now: at(2026), CommandID: "two"})
	if err != nil || report.Rebuilds != 0 || len(rebuilds(t, x)) != 0 {
		t.Errorf("loading it again: %+v, %v; want no group to be loaded", report, err)
	}
	c := stored(t, x, id)
	if c.CancelledAt != now || c.Sale(now) != readmodel.SaleCancelled || c.Title != "Another title" || c.LayoutFrozen != before.LayoutFrozen || c.LimitPerBuyer != before.LimitPerBuyer {
		t.Errorf("loaded again it is %+v", c)
	}
}

func TestCancelRefusesAnUnknownConcert(t *testing.T) {
	x := target(t)
	for _, dryRun := range []bool{true, false} {
		if _, err := Cancel(t.Context(), x, "nothing-2030", dryRun, at(2026)); !errors.Is(err, ErrNoConcert) || !strings.Contains(err.Error(), "nothing-2030") {
			t.Errorf("dry run %v: %v", dryRun, err)
		}
	}
	for _, id := range []string{"", "a#b", strings.Repeat("a", 200)} {
		if _, err := Cancel(t.Context(), x, id, false, at(2026)); !errors.Is(err, ErrNoConcert) {
			t.Errorf("an id that no concert can have, %q: %v", id, err)
		}
	}
	l := loader{target: x}
	if _, found, err := l.storedConcert(t.Context(), "nothing-2030"); found || err != nil {
		t.Errorf("it has a row now: %v, %v", found, err)
	}
}

// Of several calls at once, one reports the change, and all report the same instant.
func TestConcurrentCancelsChangeTheConcertOnce(t *testing.T) {
	x, entries := target(t), sample(t)[:1]
	id := entries[0].Concert.ConcertID
	if _, err := Load(t.Context(), x, entries, Options{Now: at(2026), CommandID: "one"}); err != nil {
		t.Fatal(err)
	}
	const callers = 8
	all := make([]Cancellation, callers)
	gate := make(chan struct{})
	var under sync.WaitGroup
	for i := range callers {
		under.Go(func() {
			<-gate
			var err error
			clock := func() time.Time { return at(2026)().Add(time.Duration(i) * time.Second) }
			if all[i], err = Cancel(t.Context(), x, id, false, clock); err != nil {
				t.Error(err)
			}
		})
	}
	close(gate)
	under.Wait()
	is := stored(t, x, id).CancelledAt
	changed := 0
	for i, c := range all {
		if c.Changed {
			changed++
		}
		if c.CancelledAt == nil || *c.CancelledAt != is {
			t.Errorf("caller %d reports %+v, stored is %s", i, c, is)
		}
	}
	if changed != 1 {
		t.Errorf("%d of them say that they did it", changed)
	}
}

// A concert that is no longer in the files is reported with its status and not changed.
func TestLoadReportsConcertsThatAreNotInTheFiles(t *testing.T) {
	x, entries := target(t), sample(t)[:3]
	for i := range entries {
		entries[i].Groups = entries[i].Groups[:1]
	}
	first, err := Load(t.Context(), x, entries, Options{Now: at(2026), CommandID: "one"})
	if err != nil || first.NotInFiles == nil || len(first.NotInFiles) != 0 {
		t.Errorf("with all in the files: %+v, %v", first.NotInFiles, err)
	}
	gone, cancelled := entries[1].Concert.ConcertID, entries[2].Concert.ConcertID
	if _, err := Cancel(t.Context(), x, cancelled, false, at(2026)); err != nil {
		t.Fatal(err)
	}
	before := stored(t, x, gone)
	want := []NotInFiles{{gone, before.Sale(contracts.InstantOf(at(2026)()))}, {cancelled, readmodel.SaleCancelled}}
	slices.SortFunc(want, func(a, b NotInFiles) int { return strings.Compare(a.ConcertID, b.ConcertID) })
	for _, dryRun := range []bool{true, false} {
		var lines []string
		report, err := Load(t.Context(), x, entries[:1], Options{Now: at(2026), CommandID: "two", DryRun: dryRun, Progress: func(line string) { lines = append(lines, line) }})
		if err != nil || !slices.Equal(report.NotInFiles, want) {
			t.Errorf("dry run %v: named %+v, %v; want %+v", dryRun, report.NotInFiles, err, want)
		}
		for _, other := range want {
			if !slices.ContainsFunc(lines, func(line string) bool {
				return strings.HasPrefix(line, other.ConcertID+": "+string(other.Status)) && strings.Contains(line, "not in the files")
			}) {
				t.Errorf("no line names %s: %q", other.ConcertID, lines)
			}
		}
	}
	if c := stored(t, x, gone); c.Title != before.Title || c.CancelledAt != 0 || c.LayoutFrozen != before.LayoutFrozen {
		t.Errorf("it was changed to %+v", c)
	}
}
