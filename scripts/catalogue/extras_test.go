package catalogue

import (
	"strings"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// extra parses the small hall's concert with some members more.
func extra(t *testing.T, members string) Entry {
	t.Helper()
	concerts, layout, drawn := smallHallFiles(t, 1)
	changed := strings.Replace(string(concerts), `"layout":"hall"`, members+`"layout":"hall"`, 1)
	entries, err := parseHall([]byte(changed), layout, drawn)
	if err != nil {
		t.Fatal(err)
	}
	return entries[0]
}

const extras = `"doorsAt":"2030-01-01T18:30:00Z","poster":{"tone":0},
	"rules":{"noSingleSeat":true,"accessibleReleaseAt":"2029-12-30T00:00:00Z","refundUntil":"2029-12-01T00:00:00Z"},`

// What the file says is what is stored. A member that the next file leaves out is removed, also the tone 0 and the rule.
func TestALoadStoresAndRemovesOptionalMembers(t *testing.T) {
	x := target(t)
	load := func(e Entry) readmodel.Concert {
		t.Helper()
		if _, err := Load(t.Context(), x, []Entry{e}, Options{Now: at(2026), CommandID: "one"}); err != nil {
			t.Fatal(err)
		}
		return stored(t, x, "c")
	}
	c := load(extra(t, extras))
	text := func(at contracts.Instant) string { return at.String() }
	if text(c.DoorsAt) != "2030-01-01T18:30:00.000Z" || text(c.AccessibleReleaseAt) != "2029-12-30T00:00:00.000Z" ||
		text(c.RefundUntil) != "2029-12-01T00:00:00.000Z" || !c.NoSingleSeat || c.PosterTone == nil || *c.PosterTone != 0 {
		t.Errorf("stored is %+v", c)
	}
	frozen := c.LayoutFrozen
	c = load(extra(t, ""))
	if c.DoorsAt != 0 || c.AccessibleReleaseAt != 0 || c.RefundUntil != 0 || c.NoSingleSeat || c.PosterTone != nil || c.LayoutFrozen != frozen {
		t.Errorf("without the members stored is %+v", c)
	}
}

// A file that calls a concert cancelled cancels it once, before it can be sold, and a file that no longer does so changes nothing.
func TestALoadCancelsWhatTheCatalogueCallsCancelled(t *testing.T) {
	x := target(t)
	load := func(e Entry, year int, dryRun bool) Report {
		t.Helper()
		report, err := Load(t.Context(), x, []Entry{e}, Options{Now: at(year), CommandID: "one", DryRun: dryRun})
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	on, off := extra(t, ""), extra(t, `"cancelled":true,`)
	if r := load(on, 2026, false); r.Cancelled != 0 || r.Rebuilds != 1 {
		t.Errorf("on sale: %+v", r)
	}
	if r := load(off, 2027, true); r.Cancelled != 1 || r.Rebuilds != 0 || stored(t, x, "c").CancelledAt != 0 {
		t.Errorf("a dry run: %+v, %+v", r, stored(t, x, "c"))
	}
	for i, want := range []int{1, 0} {
		if r := load(off, 2027+i, false); r.Cancelled != want || r.Rebuilds != 0 || stored(t, x, "c").CancelledAt != contracts.InstantOf(at(2027)()) {
			t.Errorf("load %d: %+v, %+v", i, r, stored(t, x, "c"))
		}
	}
	if r := load(on, 2028, false); r.Cancelled != 0 || r.Rebuilds != 0 || stored(t, x, "c").CancelledAt != contracts.InstantOf(at(2027)()) {
		t.Errorf("called on sale again: %+v, %+v", r, stored(t, x, "c"))
	}
}

// Any language, its direction and its symbols are ordinary text.
func TestTextsOfAnyLanguageAreTaken(t *testing.T) {
	concerts, layout, drawn := smallHallFiles(t, 1)
	for _, title := range []string{"ليالي بيروت", "שירי חורף", "Νησί", "Rock 🎸", "夜", strings.Repeat("é", maxName), strings.Repeat("e\u0301", maxName), "a\u200fb"} {
		changed := strings.Replace(string(concerts), `"title":"t"`, `"title":"`+title+`"`, 1)
		entries, err := parseHall([]byte(changed), layout, drawn)
		if err != nil || entries[0].Concert.Title != title {
			t.Errorf("%q: %v", title, err)
		}
	}
}
