package catalogue

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/readmodel"
)

// beforeGeometry returns the page's item as a release wrote it that did not know geometries: its groups have frames.
func beforeGeometry(t *testing.T, item readmodel.LayoutItem) readmodel.LayoutItem {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(item.Body[1:]))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	var page map[string]any
	if err := json.Unmarshal(text, &page); err != nil {
		t.Fatal(err)
	}
	delete(page, "geometry")
	for _, g := range page["groups"].([]any) {
		group := g.(map[string]any)
		for _, member := range []string{"drawn", "companions", "restricted"} {
			delete(group, member)
		}
		group["shape"] = map[string]any{"x": 1, "y": 2, "width": 3, "height": 4, "rows": []any{map[string]any{"x": 1, "y": 2}}}
	}
	if text, err = json.Marshal(page); err != nil {
		t.Fatal(err)
	}
	body := bytes.NewBuffer(item.Body[:1:1])
	w := gzip.NewWriter(body)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return readmodel.LayoutItem{Key: item.Key, Body: body.Bytes()}
}

// A layout that was stored before halls had a geometry is loaded again without an error and is not changed. Its seats are
// compared as before.
func TestAnItemWithoutGeometryStaysAsItIs(t *testing.T) {
	x, entries := target(t), sample(t)[:1]
	items, err := itemsOf(entries[0])
	if err != nil {
		t.Fatal(err)
	}
	l := loader{target: x}
	old := beforeGeometry(t, items[1])
	for _, item := range []readmodel.LayoutItem{items[0], old} {
		if err := l.putItem(t.Context(), item); err != nil {
			t.Fatal(err)
		}
	}
	report, err := Load(t.Context(), x, entries, Options{Now: at(2026), CommandID: "one"})
	if err != nil || report.LayoutWritten != 0 || stored(t, x, entries[0].Concert.ConcertID).LayoutFrozen != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	if body := storedItems(t, x, entries[0])[layoutitem.UsePage]; !bytes.Equal(body, old.Body) {
		t.Error("the item was written over")
	}
	changed := sample(t)[:1]
	changed[0].Groups[1].Accessible = changed[0].Groups[1].Seats[:1]
	if _, err := Load(t.Context(), x, changed, Options{Now: at(2026), CommandID: "two"}); !errors.Is(err, ErrFrozen) || !strings.Contains(err.Error(), "accessible") {
		t.Errorf("other accessible places: %v", err)
	}
}

// An item for orders that was stored without tiers and names of sections is loaded again without an error and is not changed.
func TestAnItemWithoutNamesOfSectionsStaysAsItIs(t *testing.T) {
	x, entries := target(t), sample(t)[:1]
	items, err := itemsOf(entries[0])
	if err != nil {
		t.Fatal(err)
	}
	old, err := layoutitem.EncodeSeats(withoutWords(entries[0].Groups))
	if err != nil || len(old) >= len(items[0].Body) {
		t.Fatalf("%d bytes, and %d without the words, %v", len(items[0].Body), len(old), err)
	}
	l := loader{target: x}
	for _, item := range []readmodel.LayoutItem{{Key: items[0].Key, Body: old}, items[1]} {
		if err := l.putItem(t.Context(), item); err != nil {
			t.Fatal(err)
		}
	}
	report, err := Load(t.Context(), x, entries, Options{Now: at(2026), CommandID: "one"})
	if err != nil || report.LayoutWritten != 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	if body := storedItems(t, x, entries[0])[layoutitem.UseSeats]; !bytes.Equal(body, old) {
		t.Error("the item was written over")
	}
	changed := sample(t)[:1]
	changed[0].Groups[1].Seats = changed[0].Groups[1].Seats[1:]
	if _, err := Load(t.Context(), x, changed, Options{Now: at(2026), CommandID: "two"}); !errors.Is(err, ErrFrozen) {
		t.Errorf("other seats: %v", err)
	}
}
