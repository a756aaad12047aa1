package geometry_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"boxoffice/contracts/geometry"
)

func decode[T any](t *testing.T, text string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func near(a, b geometry.Point, within float64) bool { return geometry.Distance(a, b) <= within }

// testdata/places.json has places that a map in a browser computed from the same rows, to 6 decimals.
func TestPlacesAreThoseThatABrowserComputes(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("testdata", "places.json"))
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, group := range decode[[]struct {
		Group string
		Rows  geometry.Rows
		Cases []struct {
			Row, Count          int
			First, Middle, Last geometry.Point
		}
	}](t, string(content)) {
		for _, c := range group.Cases {
			tried++
			places, ok := group.Rows.Row(c.Row, c.Count)
			if !ok || len(places) != c.Count {
				t.Errorf("%s, row %d: %d places, %t", group.Group, c.Row, len(places), ok)
				continue
			}
			for i, want := range map[int]geometry.Point{0: c.First, c.Count / 2: c.Middle, c.Count - 1: c.Last} {
				if !near(places[i], want, 2e-6) {
					t.Errorf("%s, row %d, seat %d is at %v, want %v", group.Group, c.Row, i+1, places[i], want)
				}
			}
		}
	}
	if tried < 30 {
		t.Errorf("%d rows were tried", tried)
	}
}

func TestRowsWithoutAPlace(t *testing.T) {
	for name, c := range map[string]struct {
		rows string
		k, n int
	}{
		"no form":             {`{"pitch":1}`, 0, 3},
		"arc without at":      {`{"arc":[0,0,10,1],"pitch":1,"align":0}`, 0, 3},
		"line without align":  {`{"line":[0,0,1],"pitch":1}`, 0, 3},
		"fewer runs than row": {`{"runs":[[[0,0,0,3]]],"pitch":1}`, 1, 3},
		"fewer seats":         {`{"runs":[[[0,0,0,2]]],"pitch":1}`, 0, 3},
		"more seats":          {`{"runs":[[[0,0,0,2],[5,0,0,2]]],"pitch":1}`, 0, 3},
		"half a seat":         {`{"runs":[[[0,0,0,1.5],[5,0,0,1.5]]],"pitch":1}`, 0, 3},
		"negative seats":      {`{"runs":[[[0,0,0,-1],[5,0,0,4]]],"pitch":1}`, 0, 3},
		"very many seats":     {`{"runs":[[[0,0,0,1e300]]],"pitch":1}`, 0, 3},
		"negative row":        {`{"line":[0,0,1],"pitch":1,"align":0}`, -1, 3},
	} {
		if places, ok := decode[geometry.Rows](t, c.rows).Row(c.k, c.n); ok {
			t.Errorf("%s: %v", name, places)
		}
	}
}

func TestListsOfNumbersHaveTheirLength(t *testing.T) {
	for _, bad := range []string{
		`{"stage":{"label":[1]}}`, `{"stage":{"label":[1,2,3]}}`, `{"stage":{"label":[1,null]}}`, `{"stage":{"label":["1",2]}}`, `{"bounds":[1,2,3]}`,
		`{"decor":[{"arcs":[[1,2,3,4]]}]}`, `{"focal":[1e999,0]}`, `{"groups":{"a":{"rows":{"arc":[1,2,3]}}}}`, `{"groups":{"a":{"rows":{"line":[1,2]}}}}`,
		`{"groups":{"a":{"rows":{"runs":[[[1,2,3]]]}}}}`, `{"groups":{"a":{"outline":{"wedge":[1,2,3,4,5]}}}}`,
	} {
		var p geometry.Plan
		if err := json.Unmarshal([]byte(bad), &p); err == nil {
			t.Errorf("%s is read as %+v", bad, p)
		}
	}
}

// An align or an angle of 0 is not left out: a program that multiplies with a missing one gets no number.
func TestZeroIsWritten(t *testing.T) {
	const text = `{"arc":[0,0,10,1],"at":0,"pitch":1,"align":0}`
	again, err := json.Marshal(decode[geometry.Rows](t, text))
	if err != nil || string(again) != text {
		t.Errorf("%s, %v", again, err)
	}
}

func TestWedgeIsAPolygonAroundTheArc(t *testing.T) {
	s := decode[geometry.Shape](t, `{"rows":{"arc":[1,2,10,1],"at":90,"pitch":1,"align":0.5},"outline":{"wedge":[9,12,80,100,70,110]}}`)
	polygons := s.Polygons()
	if len(polygons) != 1 {
		t.Fatal(polygons)
	}
	at := func(r, a float64) geometry.Point {
		return geometry.Polar(geometry.Point{1, 2}, r, geometry.Radians(a))
	}
	for _, corner := range []geometry.Point{at(9, 80), at(9, 100), at(12, 70), at(12, 110)} {
		found := false
		for _, p := range polygons[0] {
			found = found || near(p, corner, 1e-9)
		}
		if !found {
			t.Errorf("no corner at %v", corner)
		}
	}
	for _, c := range []struct {
		r, a float64
		in   bool
	}{{9.01, 90, true}, {8.99, 90, false}, {11.99, 71, true}, {12.01, 90, false}, {9.1, 78, false}, {10.5, 76, true}, {11, 69, false}, {10, -90, false}} {
		if geometry.Inside(polygons[0], at(c.r, c.a)) != c.in {
			t.Errorf("radius %g, angle %g: inside is %t", c.r, c.a, !c.in)
		}
	}
	if (geometry.Shape{Outline: s.Outline}).Polygons() != nil {
		t.Error("a wedge without a centre is a polygon")
	}
}

func TestMeet(t *testing.T) {
	p := func(x, y float64) geometry.Point { return geometry.Point{x, y} }
	for _, c := range []struct {
		a, b, c, d geometry.Point
		want       bool
	}{
		{p(0, 0), p(2, 2), p(0, 2), p(2, 0), true}, {p(0, 0), p(2, 0), p(1, 0), p(1, 5), true}, {p(0, 0), p(2, 0), p(2, 0), p(3, 3), true},
		{p(0, 0), p(2, 0), p(1, 0), p(3, 0), true}, {p(0, 0), p(1, 0), p(2, 0), p(3, 0), false}, {p(0, 0), p(2, 0), p(0, 0.01), p(2, 0.01), false},
		{p(0, 0), p(2, 2), p(3, 0), p(2, 1.9), false},
	} {
		if got := geometry.Meet(c.a, c.b, c.c, c.d); got != c.want || geometry.Meet(c.d, c.c, c.b, c.a) != c.want {
			t.Errorf("%v: %t", c, got)
		}
	}
}

// A hall without a geometry gets a drawing that has every group inside its bounds and every section.
func TestAround(t *testing.T) {
	frame := decode[geometry.OldFrame](t, `{"x":-8,"y":3,"width":16,"height":2,"rows":[{"x":-8,"y":3},{"x":-7.5,"y":4}]}`)
	area := decode[geometry.OldFrame](t, `{"x":-100,"y":30,"width":20,"height":14,"rows":[{"x":-100,"y":30}]}`)
	stalls, floor := frame.Shape([]int{16, 15}), area.Shape(nil)
	if floor.Rows != nil || len(floor.Polygons()) != 1 {
		t.Errorf("an area is %+v", floor)
	}
	places, ok := stalls.Rows.Row(1, 15)
	if !ok || places[0] != (geometry.Point{-7, 4.5}) || places[14] != (geometry.Point{7, 4.5}) {
		t.Errorf("%v, %t", places, ok)
	}
	for _, at := range places {
		if !geometry.Inside(stalls.Polygons()[0], at) {
			t.Errorf("%v is outside", at)
		}
	}
	g := geometry.Around([]geometry.Placed{{Section: "stalls", Shape: stalls}, {Section: "floor", Shape: floor}})
	b := geometry.Box{Left: g.Bounds[0], Top: g.Bounds[1], Right: g.Bounds[0] + g.Bounds[2], Bottom: g.Bounds[1] + g.Bounds[3]}
	for _, p := range append(append(g.Stage.Outline, stalls.Polygons()[0]...), floor.Polygons()[0]...) {
		if !b.Has(p) {
			t.Errorf("%v is outside of %+v", p, b)
		}
	}
	want := map[string]geometry.Section{"stalls": {Name: "stalls", At: geometry.Point{0, 4}}, "floor": {Name: "floor", At: geometry.Point{-90, 37}}}
	if !reflect.DeepEqual(g.Sections, want) {
		t.Errorf("sections %+v", g.Sections)
	}
	text, err := json.Marshal(geometry.Around(nil))
	if err != nil || strings.Contains(string(text), "null") {
		t.Errorf("%s, %v", text, err)
	}
}
