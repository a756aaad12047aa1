package queries_test

import (
	"encoding/json"
	"net/http"
	"os"
	"reflect"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/geometry"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/contracttest"
)

// layoutBody is the answer of the layout route, decoded strictly enough to tell a missing member from a zero.
type layoutBody struct {
	Tiers  []struct{ ID string }
	Groups []struct {
		Group                              string
		Rows                               []map[string]any
		Seats                              []string
		Accessible, Companions, Restricted []string
		Shape                              geometry.Shape
	}
	Geometry *geometry.Geometry
}

// shownLayout stores a page as version 3 and asks for it.
func shownLayout(t *testing.T, body []byte) (shown layoutBody, status int) {
	t.Helper()
	v := newVenue(t)
	v.items[layoutitem.Key("c", 3, layoutitem.UsePage)] = body
	response := v.api()(t, layoutRoute, "version=3", nil)
	if problems := contracttest.New(t).Problems(t, http.MethodGet, "/api/concerts/c/layout?version=3", response); problems != "" {
		t.Errorf("%s: %s", problems, response.Body)
	}
	if response.StatusCode == http.StatusOK {
		if err := json.Unmarshal([]byte(response.Body), &shown); err != nil {
			t.Fatal(err)
		}
	}
	return shown, response.StatusCode
}

func encoded(t *testing.T, page layoutitem.Page) []byte {
	t.Helper()
	body, err := layoutitem.EncodePage(page)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// smallPage has a group of two rows and an area, in a hall with a geometry.
func smallPage() layoutitem.Page {
	middle := 0.5
	square := [][]geometry.Point{{{0, 0}, {9, 0}, {9, 9}}}
	price := func(minor int64) contracts.Money { return contracts.Money{Minor: minor, Currency: "EUR"} }
	return layoutitem.Page{
		Tiers: []readmodel.Tier{{ID: "cheap", Name: "Cheap", Price: price(100)}, {ID: "dear", Name: "Dear", Price: price(900)}, {ID: "same", Name: "Same", Price: price(100)}},
		Groups: []readmodel.LayoutGroup{
			{
				Group: "A", Section: "s", Kind: readmodel.KindSeats, Tier: "dear", Seats: []string{"A-1-1", "A-1-2", "A-2-1"},
				Rows:       []readmodel.LayoutRow{{Name: "1", Seats: []string{"A-1-1", "A-1-2"}}, {Name: "2", Seats: []string{"A-2-1"}}},
				Accessible: []string{"A-1-1"}, Companions: []string{"A-1-2"}, Restricted: []string{"A-2-1"},
				Shape: geometry.Shape{Rows: &geometry.Rows{Line: &geometry.Line{1, 2, 1.2}, Pitch: 1.1, Align: &middle}, Outline: geometry.Outline{Polys: square}},
			},
			{
				Group: "G", Section: "s", Kind: readmodel.KindArea, Tier: "cheap", Seats: []string{"GA-1-0001", "GA-1-0002"},
				Rows:  []readmodel.LayoutRow{{Name: "1", Seats: []string{"GA-1-0001", "GA-1-0002"}}},
				Shape: geometry.Shape{Outline: geometry.Outline{Polys: square}},
			},
		},
		Geometry: &geometry.Geometry{
			Version: 1, Unit: "seat", Bounds: geometry.Bounds{0, 0, 20, 20}, Stage: geometry.Stage{Outline: square[0]}, Decor: []geometry.Decor{}, Levels: []geometry.Level{},
			Sections: map[string]geometry.Section{"s": {Name: "S"}},
		},
	}
}

func TestLayoutHasRowsByRuleAndGeometry(t *testing.T) {
	page := smallPage()
	shown, status := shownLayout(t, encoded(t, page))
	if status != http.StatusOK || len(shown.Groups) != 2 {
		t.Fatalf("%d %+v", status, shown)
	}
	var tiers []string
	for _, tier := range shown.Tiers {
		tiers = append(tiers, tier.ID)
	}
	// The dearest first. Tiers of one price are in the order of the item.
	if want := []string{"dear", "cheap", "same"}; !reflect.DeepEqual(tiers, want) {
		t.Errorf("tiers %v, want %v", tiers, want)
	}
	seats, area := shown.Groups[0], shown.Groups[1]
	if want := []map[string]any{{"name": "1", "prefix": "A-1-", "count": 2.0}, {"name": "2", "prefix": "A-2-", "count": 1.0}}; !reflect.DeepEqual(seats.Rows, want) {
		t.Errorf("rows %v, want %v", seats.Rows, want)
	}
	if seats.Seats != nil || !reflect.DeepEqual(seats.Companions, []string{"A-1-2"}) || !reflect.DeepEqual(seats.Restricted, []string{"A-2-1"}) || !reflect.DeepEqual(seats.Accessible, []string{"A-1-1"}) {
		t.Errorf("group %+v", seats)
	}
	if !reflect.DeepEqual(seats.Shape, page.Groups[0].Shape) || !reflect.DeepEqual(area.Shape, page.Groups[1].Shape) || !reflect.DeepEqual(shown.Geometry, page.Geometry) {
		t.Errorf("shapes %+v, %+v, geometry %+v", seats.Shape, area.Shape, shown.Geometry)
	}
	if area.Companions != nil || area.Restricted != nil || area.Accessible == nil {
		t.Errorf("area %+v", area)
	}
}

// A large area has places with four digits, which its row says.
func TestPlacesOfAnAreaHaveDigits(t *testing.T) {
	page := smallPage()
	area := arena(t, 0).page.Groups[0]
	area.Section, area.Tier = "s", "cheap"
	page.Groups[1] = area
	shown, _ := shownLayout(t, encoded(t, page))
	if want := []map[string]any{{"name": "1", "prefix": "GA-1-", "count": 260.0, "digits": 4.0}}; !reflect.DeepEqual(shown.Groups[1].Rows, want) {
		t.Errorf("rows %v, want %v", shown.Groups[1].Rows, want)
	}
}

// A layout that was stored before halls had a geometry has the same form, with a plain drawing. Its third group, whose names
// follow no rule, is left out here: the loader has never written such a group.
func TestLayoutWithoutGeometryHasAPlainDrawing(t *testing.T) {
	stored, err := os.ReadFile("testdata/page-before-geometry.body")
	if err != nil {
		t.Fatal(err)
	}
	shown, status := shownLayout(t, stored)
	if status != http.StatusOK || shown.Geometry == nil || shown.Geometry.Sections["stalls"].Name != "stalls" {
		t.Fatalf("%d %+v", status, shown)
	}
	g := shown.Groups[0]
	for k, row := range g.Rows {
		if places, ok := g.Shape.Rows.Row(k, int(row["count"].(float64))); !ok || !geometry.Inside(g.Shape.Polygons()[0], places[0]) {
			t.Errorf("row %v has no place in %+v", row, g.Shape)
		}
	}
}

// A layout that cannot be shown correctly is not shown: another order of the seats would show a sold seat as free.
func TestLayoutWithoutRuleIsNotShown(t *testing.T) {
	for name, change := range map[string]func(*readmodel.LayoutGroup){
		"names without a rule": func(g *readmodel.LayoutGroup) {
			g.Seats = []string{"L", "R", "A-2-1"}
			g.Rows[0].Seats = g.Seats[:2]
		},
		"seats in another order": func(g *readmodel.LayoutGroup) { g.Seats = []string{"A-2-1", "A-1-1", "A-1-2"} },
	} {
		page := smallPage()
		change(&page.Groups[0])
		if shown, status := shownLayout(t, encoded(t, page)); status != http.StatusServiceUnavailable {
			t.Errorf("%s: %d %+v", name, status, shown)
		}
	}
}
