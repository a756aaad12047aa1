package catalogue

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/geometry"
	"boxoffice/contracts/readmodel"
)

func sample(t *testing.T) []Entry {
	t.Helper()
	entries, err := Sample()
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestSampleHasATheatreOfAbout1500SeatsInGroups(t *testing.T) {
	for _, e := range sample(t) {
		if e.Layout != LayoutTheatre {
			continue
		}
		if n := e.Seats(); n < 1450 || n > 1550 {
			t.Errorf("%s has %d seats", e.Concert.ConcertID, n)
		}
	}
}

func TestEveryGroupOfTheSampleIsComplete(t *testing.T) {
	for _, e := range sample(t) {
		accessible := 0
		for _, g := range e.Groups {
			if len(g.Seats) < minGroupSeats || len(g.Seats) > maxGroupSeats {
				t.Errorf("%s: group %s has %d seats", e.Concert.ConcertID, g.Group, len(g.Seats))
			}
			if g.Price.Minor == 0 || g.Price.Currency != "EUR" {
				t.Errorf("group %s: price %v", g.Group, g.Price)
			}
			accessible += len(g.Accessible)
		}
		if accessible == 0 {
			t.Errorf("%s has no accessible place", e.Concert.ConcertID)
		}
	}
}

func TestSampleHasASaleInEachState(t *testing.T) {
	now := contracts.InstantOf(time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC))
	states := map[readmodel.SaleState]int{}
	cities, genres := map[string]bool{}, map[string]bool{}
	for i, e := range sample(t) {
		c := e.Concert
		if c.LayoutFrozen != 0 {
			t.Errorf("%s comes with its layout frozen, which only the loader may say", c.ConcertID)
		}
		c.LayoutFrozen = c.LayoutVersion
		state := c.Sale(now)
		if e.Cancelled {
			state = readmodel.SaleCancelled
		}
		if i == 0 && state != readmodel.SaleOpen {
			t.Errorf("the main concert is %s", state)
		}
		states[state]++
		cities[c.City], genres[c.Genre] = true, true
	}
	if states[readmodel.SaleScheduled] < 10 || states[readmodel.SaleOver] < 5 || states[readmodel.SaleOpen] < 10 || states[readmodel.SaleCancelled] < 2 {
		t.Errorf("sales: %v", states)
	}
	if len(cities) < 8 || len(genres) < 8 {
		t.Errorf("cities %v, genres %v: too few to filter by", cities, genres)
	}
}

func TestSeatsAreThoseOfTheRowsInOrder(t *testing.T) {
	for _, g := range sample(t)[0].Groups {
		var all []string
		for _, row := range g.Rows {
			all = append(all, row.Seats...)
		}
		if !slices.Equal(all, g.Seats) {
			t.Errorf("group %s: seats and rows differ", g.Group)
		}
	}
	first := sample(t)[0].Groups[0]
	if first.Seats[0] != "B-1-1" || first.Rows[1].Seats[16] != "B-2-17" {
		t.Errorf("names are %s, %s", first.Seats[0], first.Rows[1].Seats[16])
	}
}

func TestRowsAreCountedThroughTheBandsOfASection(t *testing.T) {
	for _, g := range sample(t)[0].Groups {
		if g.Group == "stalls-centre-middle" && (g.Rows[0].Name != "7" || g.Seats[0] != "B-7-1") {
			t.Errorf("first row %s, seat %s", g.Rows[0].Name, g.Seats[0])
		}
	}
}

func TestPriceFromIsTheLowest(t *testing.T) {
	for _, e := range sample(t) {
		for _, tier := range e.Concert.Tiers {
			if tier.Price.Minor < e.Concert.PriceFrom.Minor {
				t.Errorf("%s: from %d, but %s costs %d", e.Concert.ConcertID, e.Concert.PriceFrom.Minor, tier.ID, tier.Price.Minor)
			}
		}
	}
}

func dataFile(t *testing.T, name string) []byte {
	t.Helper()
	content, err := data.ReadFile("data/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func sampleGeometries(t *testing.T) map[string][]byte {
	t.Helper()
	return map[string][]byte{LayoutTheatre: dataFile(t, "geometry/"+LayoutTheatre), LayoutArena: dataFile(t, "geometry/"+LayoutArena)}
}

// Each case changes one thing in the sample files.
func TestParseReportsMistakes(t *testing.T) {
	concerts, theatre, arena := dataFile(t, "concerts"), dataFile(t, LayoutTheatre), dataFile(t, LayoutArena)
	for name, test := range map[string]struct {
		file          *[]byte
		old, new, err string
	}{
		"unknown member of a concert": {&concerts, `"title"`, `"titel"`, `unknown field "titel"`},
		"unknown member of a layout":  {&theatre, `"letter"`, `"lettre"`, `unknown field "lettre"`},
		"two values":                  {&theatre, "\n}\n", "\n}\n{}", "more than one JSON value"},
		"concert twice":               {&concerts, `"overture-2031"`, `"nocturne-2030"`, "concert nocturne-2030 is there twice"},
		"concert id":                  {&concerts, `"nocturne-2030"`, `"nocturne#2030"`, "concertId"},
		"no title":                    {&concerts, `"Nocturne"`, `""`, "title is empty"},
		"no zone":                     {&concerts, `"Europe/Vienna"`, `"Europe/Wien"`, `timeZone "Europe/Wien" is no IANA zone`},
		"zone of this machine":        {&concerts, `"Europe/Vienna"`, `"Local"`, "is no IANA zone"},
		"offset of another season":    {&concerts, "2030-09-14T20:00:00+02:00", "2030-09-14T20:00:00+01:00", "startsAt has offset +01:00, but Europe/Vienna has +02:00 on that day"},
		"sale ends before it begins":  {&concerts, "2026-01-12T10:00:00+01:00", "2031-01-12T10:00:00+01:00", "onSaleAt is not before offSaleAt"},
		"sale ends after the start":   {&concerts, "2030-09-14T19:00:00+02:00", "2030-09-14T21:00:00+02:00", "offSaleAt is after startsAt"},
		"limit too high":              {&concerts, `"limitPerOrder": 6`, `"limitPerOrder": 21`, "limitPerOrder is 21, want 1 to 20"},
		"layout version 0":            {&concerts, `"layoutVersion": 1`, `"layoutVersion": 0`, "layoutVersion is 0"},
		"unknown layout":              {&concerts, `"layout": "theatre"`, `"layout": "barn"`, `layout "barn" is unknown`},
		"tier without a price":        {&concerts, `"side": 7400, `, ``, "tier side has no price"},
		"price of no tier":            {&concerts, `"side": 7400`, `"side": 7400, "lawn": 100`, `price of unknown tier "lawn"`},
		"price of 0":                  {&concerts, `"side": 7400`, `"side": 0`, "tier side costs 0"},
		"price below the minimum":     {&concerts, `"side": 7400`, `"side": 30`, "30 EUR is less than the least amount, 50"},
		"order above the maximum":     {&concerts, `"side": 7400`, `"side": 20000000`, "tier side costs 20000000 EUR, for 1 to 6 seats: amount cannot be charged"},
		"unknown currency":            {&concerts, `"EUR"`, `"XXX"`, `currency "XXX" is no ISO 4217 code that cards can be charged in`},
		"last digit of three":         {&concerts, `"EUR", "prices": {"premium": 14500`, `"KWD", "prices": {"premium": 14505`, "14505 KWD is no multiple of 10"},
		"section's name":              {&theatre, `"section": "boxes"`, `"section": "the boxes"`, `section "the boxes" of letter "X"`},
		"section's name too long":     {&theatre, `"section": "boxes"`, `"section": "boxes-boxes-boxes-boxes-boxes-boxes"`, "its name is 1 to 32"},
		"section's name in Greek":     {&theatre, `"section": "boxes"`, `"section": "Λογείο"`, "its name is 1 to 32"},
		"tier's id":                   {&theatre, `"id": "box", `, `"id": "a box", `, `tier "a box": its id is 1 to 32`},
		"tier without a name":         {&theatre, `"name": "Box"`, `"name": " "`, "tier box has no name"},
		"price no integer":            {&concerts, `"side": 7400`, `"side": 74.5`, "cannot unmarshal number 74.5"},
		"currency":                    {&concerts, `"EUR"`, `"Euro"`, `currency "Euro" is no ISO 4217 code`},
		"tier unknown":                {&theatre, `"tier": "box"`, `"tier": "loge"`, `group boxes: tier "loge" is unknown`},
		"tier without a seat":         {&theatre, `{"id": "box", "name": "Box"}`, `{"id": "box", "name": "Box"}, {"id": "lawn", "name": "Lawn"}`, "tier lawn has no seat"},
		"group twice":                 {&theatre, `"circle-left", "tier"`, `"circle-right", "tier"`, "group circle-right is there twice"},
		"seat twice":                  {&theatre, `"letter": "C"`, `"letter": "A"`, "seat A-1-1 is there twice"},
		"seat name":                   {&theatre, `"letter": "C"`, `"letter": "C C"`, "is no seat name"},
		"group name":                  {&theatre, `"circle-left", "tier"`, `"circle left", "tier"`, "group"},
		"group too small":             {&theatre, "[24, 25, 26, 27]", "[24, 25]", "group balcony-centre-front has 49 seats, want 50 to 300"},
		"group too large":             {&theatre, "[24, 25, 26, 27]", "[124, 125, 126, 27]", "has 402 seats, want 50 to 300"},
		"empty row":                   {&theatre, "[24, 25, 26, 27]", "[24, 25, 26, 0]", "row 4 of it has 0 seats"},
		"accessible place elsewhere":  {&theatre, `"X-12-6"`, `"A-1-3"`, "accessible place A-1-3 is not in it"},
		"position of a section":       {&theatre, `"letter": "C"`, `"letter": "C", "x": 1`, `unknown field "x"`},
		"companion's seat elsewhere":  {&theatre, `["B-1-3", `, `["A-1-3", `, "companion's seat A-1-3 is not in it"},
		"companion's and accessible":  {&theatre, `["B-1-3", `, `["B-1-2", `, "seat B-1-2 is accessible and a companion's"},
		"restricted seat elsewhere":   {&theatre, `["X-1-4", `, `["X-1-7", `, "restricted seat X-1-7 is not in it"},
		"restricted place in an area": {&arena, `"section": "standing",`, `"section": "standing", "restricted": ["GA-1-0001"],`, "restricted seat GA-1-0001 is in an area"},
		"limit of a buyer too low":    {&concerts, `"limitPerBuyer": 4`, `"limitPerBuyer": 3`, "limitPerBuyer is 3, want limitPerOrder to 100"},
		"negative limit of a buyer":   {&concerts, `"limitPerBuyer": 4`, `"limitPerBuyer": -1`, "limitPerBuyer is -1"},
		"limit of a buyer 0":          {&concerts, `"limitPerBuyer": 4`, `"limitPerBuyer": 0`, "limitPerBuyer is 0, want limitPerOrder to 100"},
		"limit of a buyer too high":   {&concerts, `"limitPerBuyer": 4`, `"limitPerBuyer": 101`, "limitPerBuyer is 101, want limitPerOrder to 100"},
		"area too small":              {&arena, `"places": 260`, `"places": 49`, "group standing-1 has 49 places, want 50 to 300"},
		"area too large":              {&arena, `"places": 260`, `"places": 301`, "group standing-1 has 301 places, want 50 to 300"},
		"area with rows":              {&arena, `"area": {"places": 260`, `"rows": [60], "area": {"places": 260`, "group standing-1 is an area and has rows"},
		"accessible place in an area": {&arena, `"section": "standing",`, `"section": "standing", "accessible": ["GA-1-0001"],`, "accessible place GA-1-0001 is in an area"},
		"member twice":                {&concerts, `"title": "Nocturne"`, `"title": "Nocturne", "title": "N"`, `duplicate object member name "title"`},
		"no UTF-8":                    {&concerts, `"Nocturne"`, "\"Noct\xffurne\"", "invalid UTF-8"},
		"NUL in a title":              {&concerts, `"Nocturne"`, `"Noct\u0000urne"`, "title has a control character at byte 4"},
		"new line in a title":         {&concerts, `"Nocturne"`, `"Noct\nurne"`, "title has a control character at byte 4"},
		"text turned around":          {&concerts, `"Nocturne"`, `"Noct\u202eurne"`, "title has a control character at byte 4"},
		"title of 201 characters":     {&concerts, `"Nocturne"`, `"` + strings.Repeat("é", 201) + `"`, "title has 201 characters, want at most 200"},
		"city of 101 characters":      {&concerts, `"Vienna"`, `"` + strings.Repeat("é", 101) + `"`, "city has 101 characters, want at most 100"},
		"space around a title":        {&concerts, `"Nocturne"`, `"Nocturne "`, "title begins or ends with a space"},
		"genre that no filter finds":  {&concerts, `"classical"`, `"🎻"`, `genre "🎻" has neither letters nor digits`},
		"title of another type":       {&concerts, `"Nocturne"`, `17`, "cannot unmarshal number"},
		"date that does not exist":    {&concerts, "2030-09-14T20:00:00+02:00", "2030-09-31T20:00:00+02:00", "day out of range"},
		"doors after the start":       {&concerts, "2030-09-14T18:30:00+02:00", "2030-09-14T20:30:00+02:00", "doorsAt is -30m0s before startsAt"},
		"doors on another day":        {&concerts, "2030-09-14T18:30:00+02:00", "2030-09-12T18:30:00+02:00", "doorsAt is 49h30m0s before startsAt, want 0 to 24h0m0s"},
		"doors in another season":     {&concerts, "2030-09-14T18:30:00+02:00", "2030-09-14T18:30:00+01:00", "doorsAt has offset +01:00"},
		"unknown rule":                {&concerts, `"noSingleSeat"`, `"noSingleSeats"`, `unknown field "noSingleSeats"`},
		"release after the sale":      {&concerts, `"accessibleReleaseAt": "2031-02-05T20:30:00+01:00"`, `"accessibleReleaseAt": "2031-02-07T20:30:00+01:00"`, "rules.accessibleReleaseAt is not within the sale"},
		"refunds before the sale":     {&concerts, `"accessibleReleaseAt": "2031-02-05T20:30:00+01:00"`, `"refundUntil": "2030-02-05T20:30:00+01:00"`, "rules.refundUntil is not between onSaleAt and startsAt"},
		"refunds in another season":   {&concerts, `"accessibleReleaseAt": "2031-02-05T20:30:00+01:00"`, `"refundUntil": "2031-02-05T20:30:00+02:00"`, "rules.refundUntil has offset +02:00"},
		"tone too high":               {&concerts, `"tone": 1`, `"tone": 256`, "poster.tone is 256, want 0 to 255"},
		"negative tone":               {&concerts, `"tone": 1`, `"tone": -1`, "poster.tone is -1"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(string(*test.file), test.old) {
				t.Fatalf("the sample has no %q", test.old)
			}
			changed := []byte(strings.Replace(string(*test.file), test.old, test.new, 1))
			files := map[*[]byte][]byte{&concerts: concerts, &theatre: theatre, &arena: arena}
			files[test.file] = changed
			_, err := Parse(files[&concerts], map[string][]byte{LayoutTheatre: files[&theatre], LayoutArena: files[&arena]}, sampleGeometries(t))
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("error %v, want one with %q", err, test.err)
			}
		})
	}
}

func TestAllMistakesAreReportedTogether(t *testing.T) {
	_, err := Parse([]byte(`{"concerts":[{"id":"a#b"},{"id":"c","timeZone":"x"}]}`), nil, nil)
	for _, want := range []string{`concertId "a#b"`, "concert c: title is empty", `timeZone "x"`, `layout "" is unknown`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}

// smallHall returns a catalogue of one concert in a hall of n sections of 60 seats, for tests that need many groups.
func smallHall(t *testing.T, n int) []Entry {
	t.Helper()
	concerts, layout, drawn := smallHallFiles(t, n)
	entries, err := parseHall(concerts, layout, drawn)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// parseHall parses the files of smallHallFiles.
func parseHall(concerts, layout, drawn []byte) ([]Entry, error) {
	return Parse(concerts, map[string][]byte{"hall": layout}, map[string][]byte{"hall": drawn})
}

// smallHallFiles returns the files of smallHall: the concerts, the layout and its geometry.
func smallHallFiles(t *testing.T, n int) (concerts, layout, drawn []byte) {
	t.Helper()
	h := hall{Tiers: []hallTier{{ID: "one", Name: "One"}}}
	middle := 0.5
	plan := geometry.Plan{
		Geometry: geometry.Geometry{
			Version: geometry.Version, Unit: geometry.Unit, Bounds: geometry.Bounds{-50, -50, float64(100 * (n + 1)), 100},
			Stage: geometry.Stage{Outline: []geometry.Point{{-5, -5}, {5, -5}, {0, 0}}}, Sections: map[string]geometry.Section{},
		},
		Groups: map[string]geometry.Shape{},
	}
	for i := range n {
		name, x := fmt.Sprintf("s%d", i), float64(100*i)
		h.Sections = append(h.Sections, section{
			Section: name, Letter: fmt.Sprintf("S%d", i), Bands: []band{{Group: name, Tier: "one", Rows: []int{30, 30}}},
		})
		plan.Sections[name] = geometry.Section{Name: name}
		plan.Groups[name] = geometry.Shape{
			Rows:    &geometry.Rows{Line: &geometry.Line{x, 1, 1}, Pitch: 1, Align: &middle},
			Outline: geometry.Outline{Polys: [][]geometry.Point{{{x - 20, 0}, {x + 20, 0}, {x + 20, 3}, {x - 20, 3}}}},
		}
	}
	layout, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	if drawn, err = json.Marshal(plan); err != nil {
		t.Fatal(err)
	}
	return []byte(`{"concerts":[{"id":"c","title":"t","artist":"a","genre":"g","city":"c","venue":"v","description":"d","timeZone":"UTC",
		"startsAt":"2030-01-01T20:00:00Z","onSaleAt":"2026-01-01T00:00:00Z","offSaleAt":"2030-01-01T19:00:00Z","limitPerOrder":6,
		"layout":"hall","layoutVersion":1,"currency":"EUR","prices":{"one":1000}}]}`), layout, drawn
}
