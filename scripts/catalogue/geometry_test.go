package catalogue

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"boxoffice/contracts/geometry"
)

// Each case changes one thing in a geometry of the sample. The error names the group, the row if there is one, and the rule.
func TestMistakesInAGeometryAreReported(t *testing.T) {
	concerts := dataFile(t, "concerts")
	layouts := map[string][]byte{LayoutTheatre: dataFile(t, LayoutTheatre), LayoutArena: dataFile(t, LayoutArena)}
	const left = `"circle-left":{"rows":{"arc":[0,-40,71.4,1.22],"at":101,"pitch":-1.08,"align":1},"outline":{"wedge":[70.45,83.33,100.37,109.25,100.45,108.36]}}`
	const firstBox = `[[-23.6,3.7],[-24.5,7],[-27.1,6.2],[-26.2,2.9]]`
	for name, test := range map[string]struct {
		venue, old, new, err string
	}{
		"venue":                    {LayoutTheatre, `"venue":"theatre"`, `"venue":"barn"`, `venue is "barn"`},
		"unknown member":           {LayoutTheatre, `"focal"`, `"focus"`, `unknown field "focus"`},
		"version":                  {LayoutTheatre, `"version":1`, `"version":2`, `version 2 with unit "seat"`},
		"unit":                     {LayoutTheatre, `"unit":"seat"`, `"unit":"metre"`, `unit "metre"`},
		"three decimals":           {LayoutTheatre, `"pitch":-1.08`, `"pitch":-1.083`, "group stalls-centre-front: " + ruleNumbers + ": its rows have -1.083"},
		"three decimals in a run":  {LayoutTheatre, `[-24.44,4.08,105.55,3]`, `[-24.441,4.08,105.55,3]`, "group boxes, row 1: " + ruleNumbers + ": its runs have -24.441"},
		"decimals of an outline":   {LayoutTheatre, firstBox, `[[-23.6,3.701],[-24.5,7],[-27.1,6.2]]`, "group boxes: " + ruleNumbers},
		"decimals of a stage":      {LayoutTheatre, `"label":[0,-2.7]`, `"label":[0,-2.701]`, "stage: " + ruleNumbers},
		"decimals of a section":    {LayoutTheatre, `"at":[0,16.3]`, `"at":[0,16.301]`, "section stalls-centre: " + ruleNumbers},
		"infinite":                 {LayoutTheatre, `"pitch":-1.08`, `"pitch":1e999`, "cannot unmarshal number 1e999"},
		"nearly infinite":          {LayoutTheatre, `"pitch":-1.08`, `"pitch":1e300`, "group stalls-centre-front: " + ruleNumbers},
		"text for a number":        {LayoutTheatre, `"pitch":-1.08`, `"pitch":"1"`, "cannot unmarshal string"},
		"five numbers in a wedge":  {LayoutTheatre, `[70.45,83.33,100.37,109.25,100.45,108.36]`, `[70.45,83.33,100.37,109.25,100.45]`, "a wedge has 5 numbers, want 6"},
		"group missing":            {LayoutTheatre, left + ",", ``, "group circle-left: " + rulePlace + ": the geometry does not have it"},
		"group unknown":            {LayoutTheatre, left, left + "," + strings.Replace(left, "circle-left", "circle-up", 1), "group circle-up: " + ruleForm + ": the layout does not have it"},
		"section missing":          {LayoutTheatre, `"boxes":{"name":"Boxes","at":[-31.4,15],"turn":0}},"groups"`, `"lodges":{"name":"Boxes","at":[-31.4,15],"turn":0}},"groups"`, "section boxes: " + ruleForm + ": the geometry does not have it"},
		"section unknown":          {LayoutTheatre, `"boxes":{"name":"Boxes","at":[-31.4,15],"turn":0}},"groups"`, `"lodges":{"name":"Boxes","at":[-31.4,15],"turn":0}},"groups"`, "section lodges: " + ruleForm + ": the layout does not have it"},
		"section without a name":   {LayoutTheatre, `"name":"Boxes"`, `"name":""`, "section boxes: " + ruleForm + ": it has no name"},
		"decor unknown":            {LayoutTheatre, `"kind":"wall"`, `"kind":"tree"`, `decor 0 is of kind "tree"`},
		"level without a place":    {LayoutTheatre, `{"name":"Stalls","at":[0,4.2]}`, `{"name":"Stalls"}`, "level 0 has no name, or not either at or ring"},
		"two forms of rows":        {LayoutTheatre, `"rows":{"arc":[0,-40,46,1.2],"at":90`, `"rows":{"line":[0,1,1],"arc":[0,-40,46,1.2],"at":90`, "group stalls-centre-front: " + ruleForm + ": it has 2 of arc, line and runs"},
		"arc without an angle":     {LayoutTheatre, `"arc":[0,-40,46,1.2],"at":90,`, `"arc":[0,-40,46,1.2],`, "group stalls-centre-front: " + ruleForm + ": an arc has at and align"},
		"align of a third":         {LayoutTheatre, `"align":0.5`, `"align":0.33`, "group stalls-centre-front: " + ruleForm + ": align is 0.33"},
		"pitch of 0":               {LayoutTheatre, `"pitch":-1.08`, `"pitch":0`, "group stalls-centre-front: " + ruleForm + ": pitch is 0"},
		"radius of 0":              {LayoutTheatre, `"arc":[0,-40,46,1.2]`, `"arc":[0,-40,46,-11.5]`, "group stalls-centre-front, row 5: " + rulePlace + ": its radius is 0"},
		"seats without rows":       {LayoutTheatre, left, `"circle-left":{"outline":{"polys":[[[0,0],[1,0],[1,1]]]}}`, "group circle-left: " + rulePlace + ": it has no rows"},
		"no outline":               {LayoutTheatre, `{"wedge":[70.45,83.33,100.37,109.25,100.45,108.36]}`, `{}`, "group circle-left: " + ruleForm + ": it has no outline"},
		"wedge inside out":         {LayoutTheatre, `[70.45,83.33,100.37`, `[83.33,70.45,100.37`, "group circle-left: " + ruleForm + ": its wedge does not run"},
		"polygon of two corners":   {LayoutTheatre, firstBox, `[[-23.6,3.7],[-24.5,7]]`, "group boxes: " + ruleForm + ": a polygon of its outline has 2 corners"},
		"area with rows":           {LayoutArena, `"standing-2":{`, `"standing-2":{"rows":{"line":[0,0,1],"pitch":1,"align":0},`, "group standing-2: " + ruleForm + ": it is an area and has rows"},
		"run too short":            {LayoutTheatre, `[-24.44,4.08,105.55,3]`, `[-24.44,4.08,105.55,2]`, "group boxes, row 1: " + rulePlace + ": its 6 seats are not those of its runs"},
		"run too long":             {LayoutTheatre, `[-24.44,4.08,105.55,3]`, `[-24.44,4.08,105.55,4]`, "group boxes, row 1: " + rulePlace},
		"runs for no row":          {LayoutTheatre, `"runs":[`, `"runs":[[[0,50,0,6]],`, "group boxes: " + rulePlace + ": it has runs for 13 rows and has 12 rows"},
		"seats too near":           {LayoutTheatre, `"pitch":1.08`, `"pitch":0.89`, "group boxes, row 1: " + ruleNearest + ": X-1-2 and X-1-1 of group boxes are 0.89 apart"},
		"rows too near":            {LayoutTheatre, `"arc":[0,-40,46,1.2],"at":90`, `"arc":[0,-40,46,0.8],"at":90`, "group stalls-centre-front, row 2: " + ruleNearest},
		"rows of two groups":       {LayoutTheatre, `"arc":[0,-40,53.2,1.2],"at":90`, `"arc":[0,-40,52.6,1.2],"at":90`, "group stalls-centre-middle, row 7: " + ruleNearest + ": B-7-"},
		"seats outside":            {LayoutTheatre, `"arc":[0,-40,71.4,1.22],"at":101`, `"arc":[0,-40,71.4,1.22],"at":102`, "group circle-left, row 6: " + ruleInside + ": D-6-1 at -25.47, 33.20 is not"},
		"seats in another outline": {LayoutTheatre, `"arc":[0,-40,71.4,1.22],"at":101`, `"arc":[0,-40,71.4,1.22],"at":99`, "group circle-left, row 1: " + ruleOther + ": D-1-"},
		"outlines on each other":   {LayoutTheatre, `[52.64,59.76,`, `[52.54,59.76,`, "group stalls-centre-middle: " + ruleApart + ": its outline and that of stalls-centre-front are not"},
		"outline in another":       {LayoutArena, `"standing-2":{"outline":{"polys":[`, `"standing-2":{"outline":{"polys":[[[11,97],[11.2,97],[11.2,97.2]],`, "group lower-8-front: " + ruleApart + ": its outline and that of standing-2 are not"},
		"polygons of one group":    {LayoutTheatre, firstBox, firstBox + "," + firstBox, "group boxes: " + ruleApart + ": its outline and that of boxes are not"},
		"polygon crosses itself":   {LayoutTheatre, firstBox, `[[-23.6,3.7],[-27.1,6.2],[-24.5,7],[-26.2,2.9]]`, "group boxes: " + ruleApart + ": a polygon of its outline crosses itself"},
		"outside of the bounds":    {LayoutTheatre, `"bounds":[-38.8,`, `"bounds":[-28.8,`, "group boxes: " + ruleBounds},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			geometries := sampleGeometries(t)
			content := string(geometries[test.venue])
			if !strings.Contains(content, test.old) {
				t.Fatalf("the sample has no %q", test.old)
			}
			geometries[test.venue] = []byte(strings.Replace(content, test.old, test.new, 1))
			_, err := Parse(concerts, layouts, geometries)
			if err == nil || !strings.Contains(err.Error(), test.err) || !strings.Contains(err.Error(), "geometry of "+test.venue) {
				t.Errorf("error %v, want one with %q", err, test.err)
			}
		})
	}
	if _, err := Parse(concerts, layouts, map[string][]byte{LayoutTheatre: sampleGeometries(t)[LayoutTheatre]}); err == nil || !strings.Contains(err.Error(), "geometry of arena: there is none") {
		t.Errorf("without a geometry: %v", err)
	}
}

// A wrong angle moves hundreds of seats. The error has one line for each row and rule.
func TestOneProblemARow(t *testing.T) {
	geometries := sampleGeometries(t)
	geometries[LayoutTheatre] = []byte(strings.Replace(string(geometries[LayoutTheatre]), `"arc":[0,-40,71.4,1.22],"at":101`, `"arc":[0,-40,71.4,1.22],"at":140`, 1))
	_, err := Parse(dataFile(t, "concerts"), map[string][]byte{LayoutTheatre: dataFile(t, LayoutTheatre), LayoutArena: dataFile(t, LayoutArena)}, geometries)
	if err == nil || strings.Count(err.Error(), ruleInside) != 10 {
		t.Errorf("error %v, want one line for each of 10 rows", err)
	}
}

// The figures that the geometry of both venues is published with.
func TestNearestSeatsOfTheSample(t *testing.T) {
	tried := map[string]bool{}
	for _, e := range sample(t) {
		if tried[e.Layout] {
			continue
		}
		tried[e.Layout] = true
		d := drawing{groups: e.Groups, plan: geometry.Plan{Geometry: e.Geometry, Groups: map[string]geometry.Shape{}}}
		for _, g := range e.Groups {
			d.plan.Groups[g.Group] = g.Shape
		}
		d.place()
		nearest := 10.0
		// In the order of x, without the grid that the check uses.
		slices.SortFunc(d.seats, func(a, b placedSeat) int { return cmp.Compare(a.at[0], b.at[0]) })
		for i, a := range d.seats {
			for j := i + 1; j < len(d.seats) && d.seats[j].at[0]-a.at[0] < nearest; j++ {
				nearest = min(nearest, geometry.Distance(a.at, d.seats[j].at))
			}
		}
		want := map[string]float64{LayoutTheatre: 1.08, LayoutArena: 0.96}[e.Layout]
		if nearest < want-0.005 || nearest > want+0.005 {
			t.Errorf("%s: the nearest seats are %.3f apart, want %.2f", e.Layout, nearest, want)
		}
	}
}
