package layoutitem_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/contracts"
	"boxoffice/contracts/geometry"
	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/readmodel"
)

func at(n float64) *float64 { return &n }

// drawing is a geometry with every member.
func drawing() *geometry.Geometry {
	return &geometry.Geometry{
		Version: 1, Unit: "seat", Bounds: geometry.Bounds{-10, -5, 20, 30}, Focal: geometry.Point{0, -4},
		Stage:  geometry.Stage{Outline: []geometry.Point{{-5, -5}, {5, -5}, {0, 0}}, Label: geometry.Point{0, -3}},
		Decor:  []geometry.Decor{{Kind: geometry.DecorFloor, Arcs: []geometry.DecorArc{{0, 36, 53.3, 29, 151}}}, {Kind: geometry.DecorDesk, Path: []geometry.Point{{1, 2}, {3, 4}}, Label: "Desk"}},
		Levels: []geometry.Level{{Name: "Stalls", At: &geometry.Point{0, 4.2}}, {Name: "Lower tier", Ring: "lower"}},
		Sections: map[string]geometry.Section{
			"stalls": {Name: "Stalls", At: geometry.Point{0, 16.3}, Turn: 13.29, RowNames: geometry.RowNamesFirst}, "floor": {Name: "Floor"}, "boxes": {Name: "Boxes"},
		},
	}
}

// hall has names of every form: by rule, with leading zeros, by rule but not from 1, without a rule; seats in another order than
// in their rows; a group without accessible seats and one with.
func hall() []readmodel.LayoutGroup {
	eur := contracts.Money{Minor: 4500, Currency: "EUR"}
	return []readmodel.LayoutGroup{
		{
			Group: "stalls-a", Section: "stalls", SectionName: "Stalls left", Kind: readmodel.KindSeats, Tier: "gold", Price: eur,
			Seats: []string{"A-1-1", "A-1-2", "A-1-3", "A-2-1", "A-2-2"}, Accessible: []string{"A-1-1"},
			Rows:       []readmodel.LayoutRow{{Name: "1", Seats: []string{"A-1-1", "A-1-2", "A-1-3"}}, {Name: "2", Seats: []string{"A-2-1", "A-2-2"}}},
			Companions: []string{"A-1-2"}, Restricted: []string{"A-2-2"},
			Shape: geometry.Shape{Rows: &geometry.Rows{Arc: &geometry.Arc{0, 36, 56.7, 1.15}, At: at(0), Pitch: -1.12, Align: at(0)}, Outline: geometry.Outline{Wedge: &geometry.Wedge{55.8, 65.29, 131.12, 150.54, 131.29, 150.37}}},
		},
		{
			Group: "floor", Section: "floor", SectionName: "Floor", Kind: readmodel.KindArea, Tier: "standing", Price: contracts.Money{Minor: 100, Currency: "JPY"},
			Seats: []string{"GA-1-0001", "GA-1-0002"}, Rows: []readmodel.LayoutRow{{Name: "1", Seats: []string{"GA-1-0001", "GA-1-0002"}}},
		},
		{
			Group: "boxes", Section: "boxes", Kind: readmodel.KindSeats, Price: eur,
			Seats: []string{"L", "R", "B-5", "B-6"}, Rows: []readmodel.LayoutRow{{Name: "B", Seats: []string{"B-5", "B-6"}}, {Name: "ends", Seats: []string{"L", "R"}}},
		},
	}
}

func plain(t *testing.T, body []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(body[1:]))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// forSeats and forPage return groups as they are in the item of each use.
func forSeats(groups []readmodel.LayoutGroup) (left []readmodel.LayoutGroup) {
	for _, g := range groups {
		g.Shape, g.Companions, g.Restricted = geometry.Shape{}, nil, nil
		left = append(left, g)
	}
	return left
}

func forPage(groups []readmodel.LayoutGroup) (left []readmodel.LayoutGroup) {
	for _, g := range groups {
		g.Price, g.SectionName = contracts.Money{}, ""
		left = append(left, g)
	}
	return left
}

// Stored bodies can be read as long as they exist, and are written in the same form. Only the JSON of a new body is compared, since another Go release can compress differently.
func TestGolden(t *testing.T) {
	tiers := []readmodel.Tier{{ID: "gold", Name: "Gold", Price: contracts.Money{Minor: 4500, Currency: "EUR"}}}
	seats, err := layoutitem.EncodeSeats(hall())
	if err != nil {
		t.Fatal(err)
	}
	page, err := layoutitem.EncodePage(layoutitem.Page{Tiers: tiers, Geometry: drawing(), Groups: hall()})
	if err != nil {
		t.Fatal(err)
	}
	first, err := layoutitem.EncodeFirst([]layoutitem.Ref{{ConcertID: "nocturne", Version: 2}})
	if err != nil {
		t.Fatal(err)
	}
	for name, written := range map[string][]byte{"seats.v1.named": seats, "page.v1.drawn": page, "first.v1": first} {
		path := filepath.Join("testdata", name)
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := errors.Join(os.WriteFile(path+".body", written, 0o600), os.WriteFile(path+".json", append(plain(t, written), '\n'), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		stored, err := os.ReadFile(path + ".body")
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if got := plain(t, written); string(got) != strings.TrimSpace(string(text)) || string(plain(t, stored)) != string(got) || stored[0] != written[0] {
			t.Errorf("%s is written as %s", name, got)
		}
		var back, want any
		switch name {
		case "seats.v1.named":
			back, err = layoutitem.DecodeSeats(stored)
			want = forSeats(hall())
		case "page.v1.drawn":
			back, err = layoutitem.DecodePage(stored)
			want = layoutitem.Page{Tiers: tiers, Geometry: drawing(), Groups: forPage(hall())}
		default:
			back, err = layoutitem.DecodeFirst(stored)
			want = []layoutitem.Ref{{ConcertID: "nocturne", Version: 2}}
		}
		if err != nil || !reflect.DeepEqual(back, want) {
			t.Errorf("%s is read as %+v, %v; want %+v", name, back, err, want)
		}
	}
}

// An item that was written without tiers and names of sections is read.
func TestSeatsWithoutNamesAreRead(t *testing.T) {
	stored, err := os.ReadFile(filepath.Join("testdata", "seats.v1.body"))
	if err != nil {
		t.Fatal(err)
	}
	want := forSeats(hall())
	for i := range want {
		want[i].Tier, want[i].SectionName = "", ""
	}
	if groups, err := layoutitem.DecodeSeats(stored); err != nil || !reflect.DeepEqual(groups, want) {
		t.Errorf("%+v, %v; want %+v", groups, err, want)
	}
}

// An item that was written before halls had a geometry is read: its frames become shapes.
func TestAPageWithoutGeometryIsRead(t *testing.T) {
	stored, err := os.ReadFile(filepath.Join("testdata", "page.v1.body"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := layoutitem.DecodePage(stored)
	if err != nil || page.Geometry != nil || len(page.Groups) != 3 {
		t.Fatalf("%+v, %v", page, err)
	}
	want := geometry.Shape{
		Rows:    &geometry.Rows{Pitch: 1, Runs: [][]geometry.Run{{{-1, 2.5, 0, 3}}, {{-0.5, 3.5, 0, 2}}}},
		Outline: geometry.Outline{Polys: [][]geometry.Point{{{-1.5, 2}, {1.5, 2}, {1.5, 4}, {-1.5, 4}}}},
	}
	if got := page.Groups[0]; !reflect.DeepEqual(got.Shape, want) || !reflect.DeepEqual(got.Seats, hall()[0].Seats) {
		t.Errorf("%+v, want the shape %+v", got, want)
	}
	if area := page.Groups[1]; area.Shape.Rows != nil || len(area.Shape.Outline.Polys) != 1 {
		t.Errorf("an area is %+v", area.Shape)
	}
}

// A layout is decoded as it was encoded, whatever the names of its seats.
func TestEveryLayoutRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[A-Za-z0-9_-]{1,6}`)
		ruled := rapid.Custom(func(t *rapid.T) []string {
			prefix, digits := name.Draw(t, "prefix"), rapid.IntRange(0, 5).Draw(t, "digits")
			from, n := rapid.IntRange(0, 2).Draw(t, "from"), rapid.IntRange(1, 30).Draw(t, "n")
			seats := make([]string, n)
			for k := range seats {
				seats[k] = fmt.Sprintf("%s%0*d", prefix, digits, from+k)
			}
			return seats
		})
		g := readmodel.LayoutGroup{Group: name.Draw(t, "group"), Section: "s", Kind: readmodel.KindSeats, Price: contracts.Money{Minor: 1, Currency: "EUR"}}
		for range rapid.IntRange(0, 4).Draw(t, "rows") {
			row := readmodel.LayoutRow{Name: name.Draw(t, "row"), Seats: rapid.OneOf(ruled, rapid.SliceOfN(name, 1, 5)).Draw(t, "seats")}
			g.Rows = append(g.Rows, row)
			g.Seats = append(g.Seats, row.Seats...)
		}
		if rapid.Bool().Draw(t, "shuffled") && len(g.Seats) > 0 {
			g.Seats = rapid.Permutation(g.Seats).Draw(t, "order")
		}
		body, err := layoutitem.EncodeSeats([]readmodel.LayoutGroup{g})
		if err != nil {
			t.Fatal(err)
		}
		back, err := layoutitem.DecodeSeats(body)
		if err != nil || len(back) != 1 {
			t.Fatalf("%v, %v", back, err)
		}
		// No list and an empty list of names mean the same.
		if len(g.Seats) == 0 {
			g.Seats, back[0].Seats = nil, nil
		}
		if !reflect.DeepEqual(back[0], g) {
			t.Fatalf("decoded as %+v, want %+v", back[0], g)
		}
	})
}

// An append to one row must not overwrite the next.
func TestAppendToARowLeavesTheNextRowAlone(t *testing.T) {
	body, err := layoutitem.EncodeSeats(hall())
	if err != nil {
		t.Fatal(err)
	}
	groups, err := layoutitem.DecodeSeats(body)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(groups[0].Rows[0].Seats, "X")
	_ = append(groups[0].Seats, "X")
	if !reflect.DeepEqual(groups, forSeats(hall())) {
		t.Errorf("it became %+v", groups)
	}
}

func TestDecodeRefusesBrokenBodies(t *testing.T) {
	good, err := layoutitem.EncodeSeats(hall())
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"nothing": nil, "another version": append([]byte{2}, good[1:]...), "cut short": good[:len(good)-1], "one bit": flipped(good),
		"no gzip": {1, 'x'}, "no JSON": body(1, strings.NewReader("seats")), "no groups": body(1, strings.NewReader(`{"groups":[]}`)),
		"a row without seats":  body(1, strings.NewReader(`{"groups":[{"group":"A","rows":[{"name":"1"}]}]}`)),
		"a row with both":      body(1, strings.NewReader(`{"groups":[{"group":"A","rows":[{"name":"1","count":1,"seats":["a"]}]}]}`)),
		"fewer than none":      body(1, strings.NewReader(`{"groups":[{"group":"A","rows":[{"name":"1","count":-1}]}]}`)),
		"digits fewer than no": body(1, strings.NewReader(`{"groups":[{"group":"A","rows":[{"name":"1","count":1,"digits":-1}]}]}`)),
	} {
		groups, err := layoutitem.DecodeSeats(bad)
		if err == nil || groups != nil {
			t.Errorf("%s: %+v, %v", name, groups, err)
		}
		if name == "another version" && !errors.Is(err, layoutitem.ErrVersion) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := layoutitem.EncodeSeats(nil); err == nil {
		t.Error("a layout without groups is written")
	}
	if _, err := layoutitem.EncodeSeats([]readmodel.LayoutGroup{{Group: "A", Rows: []readmodel.LayoutRow{{Name: "1"}}}}); err == nil {
		t.Error("a row without seats is written")
	}
}

func flipped(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)/2] ^= 0x10
	return b
}

// A member that this version does not know, such as the later geometry of a page, is ignored.
func TestAnUnknownMemberIsIgnored(t *testing.T) {
	var d map[string]any
	good, err := layoutitem.EncodePage(layoutitem.Page{Groups: hall()})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(plain(t, good), &d); err != nil {
		t.Fatal(err)
	}
	d["geometry"] = map[string]any{"version": 1}
	d["groups"].([]any)[0].(map[string]any)["companions"] = []string{"A-1-2"}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	page, err := layoutitem.DecodePage(body(1, bytes.NewReader(text)))
	if err != nil || !reflect.DeepEqual(page.Groups, forPage(hall())) {
		t.Errorf("%+v, %v", page, err)
	}
}

func TestNewRefusesAnItemOverDynamoDBsLimit(t *testing.T) {
	const key = "nocturne#1#seats"
	room := layoutitem.MaxItemBytes - len(key) - len("layoutItem") - len("body")
	if item, err := layoutitem.New(key, make([]byte, room)); err != nil || item.Key != key || len(item.Body) != room {
		t.Errorf("the largest: %v", err)
	}
	if _, err := layoutitem.New(key, make([]byte, room+1)); !errors.Is(err, layoutitem.ErrTooLarge) || !strings.Contains(err.Error(), key) {
		t.Errorf("one byte more: %v", err)
	}
}

func TestKeysOfUsesDiffer(t *testing.T) {
	seen := map[string]bool{layoutitem.FirstKey: true}
	for _, use := range layoutitem.Uses {
		for _, concert := range []string{"a", "a-1"} {
			for _, version := range []int{1, 11} {
				key := layoutitem.Key(concert, version, use)
				if seen[key] {
					t.Errorf("%s is there twice", key)
				}
				seen[key] = true
			}
		}
	}
	if got := layoutitem.Key("nocturne", 2, layoutitem.UseSeats); got != "nocturne#2#seats" {
		t.Error(got)
	}
}
