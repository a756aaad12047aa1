package catalogue

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Geometries as somebody may write them who has not read the rules. Each is refused by an error that names where the mistake is.
func TestStrangeGeometriesAreReported(t *testing.T) {
	concerts := aConcert(LayoutTheatre, `"premium":14500,"stalls":9800,"side":7400,"box":11900,"circle":8200,"balcony":4500`)
	layouts := map[string][]byte{LayoutTheatre: dataFile(t, LayoutTheatre)}
	const firstBox = `[[-23.6,3.7],[-24.5,7],[-27.1,6.2],[-26.2,2.9]]`
	const circle = `"circle-left":{"rows":{"arc":[0,-40,71.4,1.22],"at":101,"pitch":-1.08,"align":1},"outline":{"wedge":[70.45,83.33,100.37,109.25,100.45,108.36]}}`
	const place = `"arc":[0,-40,71.4,1.22],"at":101,"pitch":-1.08`
	for name, test := range map[string]struct{ old, new, err string }{
		"a spike":                     {firstBox, `[[-23.6,3.7],[-24.5,7],[-30,7],[-24.5,7],[-27.1,6.2],[-26.2,2.9]]`, "group boxes: " + ruleApart + ": a polygon of its outline crosses itself"},
		"a corner that is flat":       {firstBox, `[[-23.6,3.7],[-24.5,7],[-24.5,9],[-24.5,6],[-27.1,6.2],[-26.2,2.9]]`, "group boxes: " + ruleApart + ": a polygon of its outline crosses itself"},
		"a corner on another edge":    {firstBox, `[[-23.6,3.7],[-24.5,7],[-27.1,6.2],[-25,2.9],[-23.6,3.7],[-26.2,2.9]]`, "group boxes: " + ruleApart},
		"a corner twice":              {firstBox, `[[-23.6,3.7],[-23.6,3.7],[-24.5,7],[-27.1,6.2],[-26.2,2.9]]`, "group boxes: " + ruleApart},
		"a polygon without an area":   {firstBox, firstBox + `,[[-38,60],[-37,60],[-36,60]]`, "group boxes: " + ruleApart + ": a polygon of its outline crosses itself"},
		"one point three times":       {firstBox, firstBox + `,[[-38,60],[-38,60],[-38,60]]`, "group boxes: " + ruleApart + ": a polygon of its outline crosses itself"},
		"thousands of corners":        {firstBox, firstBox + `,[` + strings.Repeat("[-38,60],", 60_000) + `[-38,60]]`, "group boxes: " + ruleForm + ": a polygon of its outline has 60001 corners"},
		"thousands of polygons":       {firstBox, firstBox + strings.Repeat(",[[-38,60],[-37,60],[-37,61]]", 60_000), "group boxes: " + ruleForm + ": its outline has"},
		"text for a number":           {`"pitch":-1.08`, `"pitch":"-1.08"`, "pitch"},
		"the text NaN":                {`"pitch":-1.08`, `"pitch":"NaN"`, "pitch"},
		"NaN":                         {`"pitch":-1.08`, `"pitch":NaN`, "invalid character 'N'"},
		"infinity":                    {`"pitch":-1.08`, `"pitch":1e999`, "1e999"},
		"a huge number":               {`"circle-left":{"rows":{"arc":[0,-40,71.4`, `"circle-left":{"rows":{"arc":[0,-40,1e300`, "group circle-left: " + ruleNumbers + ": its rows have 1e+300"},
		"a huge angle":                {`"at":101`, `"at":99999`, "group circle-left: " + ruleNumbers},
		"a tiny number":               {`"pitch":-1.08`, `"pitch":-1e-9`, "group stalls-centre-front: " + ruleNumbers},
		"null":                        {`"pitch":-1.08`, `"pitch":null`, "group stalls-centre-front: " + ruleForm + ": pitch is 0"},
		"a point of one number":       {`"focal":[0,-3]`, `"focal":[0]`, "a point has 1 numbers"},
		"a group twice":               {circle, circle + "," + circle, "circle-left"},
		"a wedge outside in":          {`"wedge":[70.45,83.33,`, `"wedge":[83.33,70.45,`, "group circle-left: " + ruleForm + ": its wedge"},
		"a wedge the other way round": {`100.37,109.25,100.45,108.36`, `109.25,100.37,108.36,100.45`, "group circle-left: " + ruleForm + ": its wedge"},
		"a wedge around itself":       {`100.37,109.25,100.45,108.36`, `0,360,0,360`, ruleApart},
		"numbers the other way":       {place, strings.Replace(place, "-1.08", "1.08", 1), "group circle-left, row 1: " + ruleInside + ": D-1-"},
		"a radius below nothing":      {place, strings.Replace(place, "71.4,1.22", "71.4,-30", 1), "group circle-left, row 4: " + rulePlace + ": its radius is"},
		"all rows on one":             {place, strings.Replace(place, "71.4,1.22", "71.4,0", 1), "group circle-left, row 2: " + ruleNearest + ": D-2-"},
		"seats on each other":         {place, strings.Replace(place, "-1.08", "-0.01", 1), "group circle-left, row 1: " + ruleNearest + ": D-1-2 and D-1-1"},
		"bounds inside out":           {`77.6,69.4]`, `-77.6,69.4]`, "bounds are -77.6 by 69.4"},
		"no outline":                  {`"outline":{"polys":[` + firstBox, `"outline":{"polygons":[` + firstBox, `unknown field "polygons"`},
		"something behind it":         {`{"version":1,`, `{} {"version":1,`, "geometry of theatre"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content := string(sampleGeometries(t)[LayoutTheatre])
			if !strings.Contains(content, test.old) {
				t.Fatalf("the sample has no %q", test.old)
			}
			started := time.Now()
			_, err := Parse(concerts, layouts, map[string][]byte{LayoutTheatre: []byte(strings.Replace(content, test.old, test.new, 1))})
			if err == nil || !strings.Contains(err.Error(), test.err) || !strings.Contains(err.Error(), "geometry of "+LayoutTheatre) {
				t.Errorf("error %.2000v, want one with %q", err, test.err)
			}
			if took := time.Since(started); took > 20*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// stadium returns a plan with a number of seats in groups of 200, and its geometry: blocks of ten rows of twenty, 20 beside each
// other.
func stadium(t *testing.T, seats int, pitch float64) (plan, drawn []byte) {
	t.Helper()
	type shape = map[string]any
	var bands []map[string]any
	groups := shape{}
	for n, left := 0, seats; left > 0; n++ {
		rows := []int{}
		for here := min(200, left); here > 0; here -= 20 {
			rows = append(rows, min(20, here))
			left -= min(20, here)
		}
		name := fmt.Sprintf("g-%d", n)
		bands = append(bands, map[string]any{"group": name, "tier": "a", "rows": rows})
		x, y := float64(n%20)*25, float64(n/20)*12
		groups[name] = shape{
			"rows":    shape{"line": []float64{x, y, 1.1}, "pitch": pitch, "align": 0.5},
			"outline": shape{"polys": [][][2]float64{{{x - 12, y - 0.5}, {x + 12, y - 0.5}, {x + 12, y + 10.5}, {x - 12, y + 10.5}}}},
		}
	}
	encode := func(v any) []byte {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	return encode(shape{"tiers": []shape{{"id": "a", "name": "A"}}, "sections": []shape{{"section": "s", "letter": "S", "bands": bands}}}),
		encode(shape{
			"version": 1, "unit": "seat", "bounds": []float64{-20, -20, 600, 300}, "focal": []float64{0, 0},
			"stage":  shape{"outline": [][2]float64{{0, -10}, {10, -10}, {10, -5}}, "label": []float64{0, -9}},
			"levels": []any{}, "decor": []any{}, "sections": shape{"s": shape{"name": "S", "at": []float64{0, 0}, "turn": 0}}, "groups": groups,
		})
}

// aConcert returns a file with one concert in a hall.
func aConcert(layout, prices string) []byte {
	return []byte(`{"concerts":[{"id":"c","title":"T","artist":"A","genre":"rock","city":"Wien","venue":"V","timeZone":"UTC","description":"D",
		"startsAt":"2030-09-14T20:00:00Z","onSaleAt":"2026-01-12T10:00:00Z","offSaleAt":"2030-09-14T19:00:00Z","limitPerOrder":6,"layout":"` + layout + `","layoutVersion":1,
		"currency":"EUR","prices":{` + prices + `}}]}`)
}

func parseStadium(t *testing.T, plan, drawn []byte) ([]Entry, error) {
	t.Helper()
	started := time.Now()
	entries, err := Parse(aConcert("stadium", `"a":5000`), map[string][]byte{"stadium": plan}, map[string][]byte{"stadium": drawn})
	took := time.Since(started)
	t.Logf("checked in %s", took.Round(time.Millisecond))
	if took > 30*time.Second {
		t.Errorf("the check took %s", took)
	}
	return entries, err
}

// A hall of 50,472 seats is checked in a second or two, also where every seat is wrong.
func TestHallOfFiftyThousandSeats(t *testing.T) {
	plan, drawn := stadium(t, 50_472, 1.1)
	entries, err := parseStadium(t, plan, drawn)
	if err != nil || len(entries) != 1 || entries[0].Seats() != 50_472 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	plan, drawn = stadium(t, 50_472, 0.01)
	_, err = parseStadium(t, plan, drawn)
	if err == nil || !strings.Contains(err.Error(), "group g-252, row 2521: "+ruleNearest) || strings.Count(err.Error(), ruleNearest) != 2524 {
		t.Errorf("seats 0.01 apart: %.500v", err)
	}
	drawn = []byte(strings.NewReplacer(`"line":[`, `"line":[0,0,0],"x":[`).Replace(string(drawn)))
	drawn = []byte(strings.ReplaceAll(string(drawn), `"x":[`, `"line":[`))
	if _, err = parseStadium(t, plan, drawn); err == nil {
		t.Error("a member that is there twice was accepted")
	}
}

// Every seat of the hall at one place: the check compares none of them with all.
func TestAllSeatsAtOnePlace(t *testing.T) {
	plan, drawn := stadium(t, 50_472, 1.1)
	var d map[string]any
	if err := json.Unmarshal(drawn, &d); err != nil {
		t.Fatal(err)
	}
	groups, _ := d["groups"].(map[string]any)
	for _, g := range groups {
		rows, _ := g.(map[string]any)["rows"].(map[string]any)
		rows["line"], rows["pitch"] = []float64{0, 0, 0}, 0.01
	}
	drawn, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = parseStadium(t, plan, drawn); err == nil || !strings.Contains(err.Error(), "group g-1, row 11: "+ruleNearest) {
		t.Errorf("%.500v", err)
	}
}

// Plans with parts that have no seats, or far too many.
func TestStrangePlansAreReported(t *testing.T) {
	plan, drawn := stadium(t, 400, 1.1)
	const first = `{"group":"g-0","rows":[20,20,20,20,20,20,20,20,20,20],"tier":"a"}`
	if !strings.Contains(string(plan), first) {
		t.Fatalf("the plan is %s", plan)
	}
	for name, c := range map[string]struct{ new, want string }{
		"no rows":            {`{"group":"g-0","rows":[],"tier":"a"}`, "group g-0 has 0 seats"},
		"a row of none":      {`{"group":"g-0","rows":[20,0,20,20],"tier":"a"}`, "group g-0: row 2 of it has 0 seats"},
		"a row below none":   {`{"group":"g-0","rows":[200,-20,20,20],"tier":"a"}`, "group g-0: row 2 of it has -20 seats"},
		"a row of a billion": {`{"group":"g-0","rows":[1000000000],"tier":"a"}`, "group g-0: row 1 of it has 1000000000 seats"},
		"beyond an int":      {`{"group":"g-0","rows":[99999999999999999999],"tier":"a"}`, "99999999999999999999"},
		"half a seat":        {`{"group":"g-0","rows":[20.5],"tier":"a"}`, "20.5"},
		"a group twice":      {first + "," + first, "group g-0 is there twice"},
		"two names":          {`{"group":"g-0","group":"g-1","rows":[60],"tier":"a"}`, "group"},
		"a name of a thing":  {`{"group":"g 0#{}","rows":[60],"tier":"a"}`, "g 0#{}"},
		"more rows":          {strings.Replace(first, "20,20]", "20,20,20]", 1), "group g-0, row 11: " + ruleInside + ": S-11-1"},
		"longer rows":        {strings.Replace(first, "[20,", "[40,", 1), "group g-0, row 1: " + ruleInside + ": S-1-1"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parseStadium(t, []byte(strings.Replace(string(plan), first, c.new, 1)), drawn); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}
