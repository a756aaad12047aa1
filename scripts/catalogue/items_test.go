package catalogue

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/contracts/geometry"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/readmodel"
)

// storedItems returns the bodies of a concert's layout items by use, nil for a missing item.
func storedItems(t *testing.T, x Target, e Entry) map[layoutitem.Use][]byte {
	t.Helper()
	l := loader{target: x}
	bodies := map[layoutitem.Use][]byte{}
	for _, use := range layoutitem.Uses {
		body, found, err := l.storedItem(t.Context(), layoutitem.Key(e.Concert.ConcertID, e.Concert.LayoutVersion, use))
		if err != nil {
			t.Fatal(err)
		}
		if found {
			bodies[use] = body
		} else {
			bodies[use] = nil
		}
	}
	return bodies
}

// Each item has what its use needs of every group of the sample, and no more.
func TestStoredLayoutItemsAreReadAsTheyWereWritten(t *testing.T) {
	x, entries := target(t), sample(t)
	if _, err := Load(t.Context(), x, entries, Options{Now: at(2026), CommandID: "one", Parallel: 8}); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		bodies := storedItems(t, x, e)
		seats, err := layoutitem.DecodeSeats(bodies[layoutitem.UseSeats])
		if err != nil || len(seats) != len(e.Groups) {
			t.Fatalf("%s: %d groups of %d, %v", e.Concert.ConcertID, len(seats), len(e.Groups), err)
		}
		page, err := layoutitem.DecodePage(bodies[layoutitem.UsePage])
		if err != nil || len(page.Groups) != len(e.Groups) || !reflect.DeepEqual(page.Tiers, e.Concert.Tiers) || !reflect.DeepEqual(*page.Geometry, e.Geometry) {
			t.Fatalf("%s: %d groups of %d, tiers %v, %v", e.Concert.ConcertID, len(page.Groups), len(e.Groups), page.Tiers, err)
		}
		for i, g := range e.Groups {
			forSeats := g
			forSeats.Shape, forSeats.Companions, forSeats.Restricted = geometry.Shape{}, nil, nil
			if !reflect.DeepEqual(seats[i], forSeats) {
				t.Errorf("group %s was read as %+v", g.Group, seats[i])
			}
			forPage := g
			forPage.Price, forPage.SectionName = page.Groups[i].Price, ""
			if !reflect.DeepEqual(page.Groups[i], forPage) || page.Groups[i].Price.Currency != "" {
				t.Errorf("group %s was read as %+v", g.Group, page.Groups[i])
			}
		}
	}
}

// The item of an arena is read with one or two read units: an eventually consistent read takes half a unit for each 4 KB.
func TestAnArenaTakesFewReadUnits(t *testing.T) {
	for _, e := range sample(t) {
		items, err := itemsOf(e)
		if err != nil {
			t.Fatal(err)
		}
		for i, item := range items {
			size := len("layoutItem") + len(item.Key) + len("body") + len(item.Body)
			halfUnits := (size + 4095) / 4096
			t.Logf("%s: %d seats in %d groups are %d bytes, %g read units", item.Key, e.Seats(), len(e.Groups), size, float64(halfUnits)/2)
			if most := []int{2, 3}[i]; halfUnits > most {
				t.Errorf("%s: %d bytes are %d halves of a read unit, want at most %d", item.Key, size, halfUnits, most)
			}
		}
	}
}

func TestADifferenceFromAFrozenLayoutIsInTheError(t *testing.T) {
	second := func(e *Entry) *readmodel.LayoutGroup { return &e.Groups[1] }
	for name, test := range map[string]struct {
		change func(e *Entry)
		named  string
	}{
		"price":             {func(e *Entry) { second(e).Price.Minor++ }, "price"},
		"currency":          {func(e *Entry) { second(e).Price.Currency = "USD" }, "price"},
		"seats":             {func(e *Entry) { second(e).Seats = second(e).Seats[1:] }, "list of seats"},
		"accessible places": {func(e *Entry) { second(e).Accessible = second(e).Seats[5:6] }, "accessible places"},
		"section":           {func(e *Entry) { second(e).Section = "elsewhere" }, "section"},
		"shape":             {func(e *Entry) { second(e).Shape = geometry.Shape{} }, "shape"},
		"companions":        {func(e *Entry) { second(e).Companions = second(e).Seats[:1] }, "companions' seats"},
		"restricted":        {func(e *Entry) { second(e).Restricted = second(e).Seats[:1] }, "restricted seats"},
		"stage":             {func(e *Entry) { e.Geometry.Stage.Label[0]++ }, "geometry"},
		"group left out":    {func(e *Entry) { e.Groups = append(e.Groups[:1:1], e.Groups[2:]...) }, "is not in the catalogue"},
		"group more":        {func(e *Entry) { e.Groups = append(e.Groups, *second(e)); second(e).Group = "more" }, "group more"},
		"groups turned":     {func(e *Entry) { e.Groups[0], e.Groups[1] = e.Groups[1], e.Groups[0] }, "position"},
		"name of a tier":    {func(e *Entry) { e.Concert.Tiers[0].Name = "Other" }, "tiers"},
		"price of a tier":   {func(e *Entry) { e.Concert.Tiers[0].Price.Minor++ }, "tiers"},
		"version lowered":   {func(e *Entry) { e.Concert.LayoutVersion-- }, "version"},
	} {
		t.Run(name, func(t *testing.T) {
			x, entries := target(t), sample(t)[:1]
			if _, err := Load(t.Context(), x, entries, Options{Now: at(2026), CommandID: "one"}); err != nil {
				t.Fatal(err)
			}
			before := storedItems(t, x, entries[0])
			changed := sample(t)[:1]
			test.change(&changed[0])
			_, err := Load(t.Context(), x, changed, Options{Now: at(2026), CommandID: "two"})
			if !errors.Is(err, ErrFrozen) || !strings.Contains(err.Error(), test.named) || !strings.Contains(err.Error(), entries[0].Concert.ConcertID) {
				t.Errorf("error %v, want ErrFrozen that names %q", err, test.named)
			}
			if after := storedItems(t, x, entries[0]); !reflect.DeepEqual(after, before) {
				t.Error("an item was written over")
			}
		})
	}
}

// The error names an item that DynamoDB would refuse, and nothing is written.
func TestATooLargeLayoutIsRefused(t *testing.T) {
	x, entries := target(t), sample(t)[:1]
	// These names follow no rule and repeat nothing.
	g := &entries[0].Groups[0]
	g.Seats, g.Rows = nil, nil
	for i := range 30_000 {
		sum := sha256.Sum256([]byte(fmt.Sprint(i)))
		g.Seats = append(g.Seats, hex.EncodeToString(sum[:12]))
	}
	g.Rows = []readmodel.LayoutRow{{Name: "1", Seats: g.Seats}}
	for _, dry := range []bool{true, false} {
		_, err := Load(t.Context(), x, entries, Options{Now: at(2026), CommandID: "one", DryRun: dry})
		if !errors.Is(err, layoutitem.ErrTooLarge) || !strings.Contains(err.Error(), layoutitem.Key(entries[0].Concert.ConcertID, 1, layoutitem.UseSeats)) {
			t.Errorf("dry run %t: error %v", dry, err)
		}
	}
	l := loader{target: x}
	if _, found, err := l.storedConcert(t.Context(), entries[0].Concert.ConcertID); found || err != nil {
		t.Errorf("the concert was written (%v)", err)
	}
	for use, body := range storedItems(t, x, entries[0]) {
		if body != nil {
			t.Errorf("the item for %s was written", use)
		}
	}
}

func TestTheMarkIsSetOnlyAfterEveryItem(t *testing.T) {
	x := target(t)
	entries, changed := smallHall(t, 12), smallHall(t, 12)
	changed[0].Groups[5].Price.Minor++
	wrong, err := itemsOf(changed[0])
	if err != nil {
		t.Fatal(err)
	}
	right, err := itemsOf(entries[0])
	if err != nil {
		t.Fatal(err)
	}
	l := loader{target: x}
	// The first item is that of another layout, the second exists already.
	for _, item := range []readmodel.LayoutItem{wrong[0], right[1]} {
		if err := l.putItem(t.Context(), item); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Load(t.Context(), x, entries, Options{Now: at(2026), CommandID: "one"}); !errors.Is(err, ErrFrozen) || !strings.Contains(err.Error(), entries[0].Groups[5].Group) {
		t.Fatalf("error %v, want ErrFrozen", err)
	}
	if _, found, err := l.storedConcert(t.Context(), "c"); found || err != nil {
		t.Errorf("the row is there before the items (%v)", err)
	}
	if _, err := x.DynamoDB.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &x.LayoutsTable, Key: itemKey(wrong[0].Key)}); err != nil {
		t.Fatal(err)
	}
	// The next load writes the rest.
	report, err := Load(t.Context(), x, entries, Options{Now: at(2026), CommandID: "two"})
	if err != nil || report.LayoutWritten != 1 || stored(t, x, "c").LayoutFrozen != 1 {
		t.Errorf("report %+v, error %v", report, err)
	}
	if asked := rebuilds(t, x); len(asked["c"]) != 12 {
		t.Errorf("%d groups asked for, want 12: more than one batch", len(asked["c"]))
	}
}
