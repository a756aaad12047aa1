package catalogue

import (
	"errors"
	"slices"

	"boxoffice/contracts/geometry"
	"boxoffice/contracts/readmodel"
)

// Rules of a geometry. Each problem names the group, the row if there is one, and the rule.
const (
	ruleForm    = "the form is right"
	ruleNumbers = "numbers are within 10000 and have at most 2 decimals"
	rulePlace   = "each seat has a place"
	ruleNearest = "no two seats are nearer than 0.9"
	ruleInside  = "each seat is inside its own outline"
	ruleOther   = "no seat is inside another outline"
	ruleApart   = "outlines are apart"
	ruleBounds  = "everything is inside the bounds"
)

// Bounds of an outline. Each edge is compared with each other one near it, and a page draws all of them.
const (
	maxPolygons = 100
	maxCorners  = 500
)

// drawing is a geometry with the groups of its layout while it is checked.
type drawing struct {
	plan   geometry.Plan
	groups []readmodel.LayoutGroup
	problems
	// seats are all seats with a place, in the order of the groups.
	seats []placedSeat
	// outlines are the polygons of all groups, in the order of the groups.
	outlines []outline
}

// placedSeat is a seat with its place. group is its index in the groups.
type placedSeat struct {
	group     int
	row, name string
	at        geometry.Point
}

// outline is one polygon of a group.
type outline struct {
	group   int
	polygon []geometry.Point
	box     geometry.Box
}

// parseGeometry reads the geometry of a layout and checks it. The error has every problem of the first step that finds any:
// numbers, form, places, and then how seats and outlines lie to each other. Of a row it has at most one problem a rule.
func parseGeometry(name string, content []byte, groups []readmodel.LayoutGroup) (geometry.Plan, error) {
	if content == nil {
		return geometry.Plan{}, errors.New("there is none")
	}
	d := drawing{groups: groups}
	if err := decode(content, &d.plan); err != nil {
		return geometry.Plan{}, err
	}
	d.checkf(d.plan.Venue == "" || d.plan.Venue == name, "venue is %q", d.plan.Venue)
	for _, step := range []func(){d.checkNumbers, d.checkForm, d.place, d.checkSpace} {
		if step(); len(d.problems) > 0 {
			return geometry.Plan{}, d.err()
		}
	}
	return d.plan, nil
}

// broken reports a problem of a group. row is "" if the rule is about the whole group.
func (d *drawing) broken(group, row, rule, format string, args ...any) {
	where := "group " + group
	if row != "" {
		where += ", row " + row
	}
	d.checkf(false, where+": "+rule+": "+format, args...)
}

// place fills seats and outlines.
func (d *drawing) place() {
	for i, g := range d.groups {
		shape := d.plan.Groups[g.Group]
		for _, polygon := range shape.Polygons() {
			d.outlines = append(d.outlines, outline{group: i, polygon: polygon, box: geometry.BoxOf(polygon)})
		}
		if g.Kind == readmodel.KindArea {
			continue
		}
		if runs := len(shape.Rows.Runs); runs > len(g.Rows) {
			d.broken(g.Group, "", rulePlace, "it has runs for %d rows and has %d rows", runs, len(g.Rows))
		}
		for k, row := range g.Rows {
			places, ok := shape.Rows.Row(k, len(row.Seats))
			if !ok {
				d.broken(g.Group, row.Name, rulePlace, "its %d seats are not those of its runs", len(row.Seats))
				continue
			}
			for s, at := range places {
				d.seats = append(d.seats, placedSeat{group: i, row: row.Name, name: row.Seats[s], at: at})
			}
		}
	}
}

func (d *drawing) nameOf(group int) string { return d.groups[group].Group }

// checkForm checks everything that needs no arithmetic.
func (d *drawing) checkForm() {
	d.checkf(d.plan.Version == geometry.Version && d.plan.Unit == geometry.Unit,
		"%s: version %d with unit %q, want %d with %q", ruleForm, d.plan.Version, d.plan.Unit, geometry.Version, geometry.Unit)
	d.checkf(d.plan.Bounds[2] > 0 && d.plan.Bounds[3] > 0, "%s: bounds are %g by %g", ruleForm, d.plan.Bounds[2], d.plan.Bounds[3])
	d.checkf(len(d.plan.Stage.Outline) >= 3, "%s: the stage has %d corners", ruleForm, len(d.plan.Stage.Outline))
	for i, decor := range d.plan.Decor {
		known := slices.Contains([]string{geometry.DecorFloor, geometry.DecorWall, geometry.DecorDesk}, decor.Kind)
		d.checkf(known, "%s: decor %d is of kind %q", ruleForm, i, decor.Kind)
		d.checkf((len(decor.Arcs) > 0) != (len(decor.Path) >= 2), "%s: decor %d has not either arcs or a path", ruleForm, i)
	}
	for i, level := range d.plan.Levels {
		d.checkf(level.Name != "" && (level.At != nil) != (level.Ring != ""), "%s: level %d has no name, or not either at or ring", ruleForm, i)
	}
	sections, groups := map[string]bool{}, map[string]bool{}
	for _, g := range d.groups {
		sections[g.Section], groups[g.Group] = true, true
		shape, found := d.plan.Groups[g.Group]
		if !found {
			d.broken(g.Group, "", rulePlace, "the geometry does not have it")
			continue
		}
		d.checkShape(g, shape)
	}
	for name := range d.plan.Groups {
		if !groups[name] {
			d.broken(name, "", ruleForm, "the layout does not have it")
		}
	}
	for name, s := range d.plan.Sections {
		d.checkf(sections[name], "section %s: %s: the layout does not have it", name, ruleForm)
		d.checkf(s.Name != "", "section %s: %s: it has no name", name, ruleForm)
		d.checkf(s.RowNames == "" || s.RowNames == geometry.RowNamesFirst, "section %s: %s: rowNames is %q", name, ruleForm, s.RowNames)
	}
	for name := range sections {
		_, found := d.plan.Sections[name]
		d.checkf(found, "section %s: %s: the geometry does not have it", name, ruleForm)
	}
}

func (d *drawing) checkShape(g readmodel.LayoutGroup, s geometry.Shape) {
	if wedge := s.Outline.Wedge; wedge != nil {
		w := *wedge
		switch {
		case len(s.Outline.Polys) > 0:
			d.broken(g.Group, "", ruleForm, "it has a wedge and polygons")
		case s.Rows == nil || s.Rows.Arc == nil:
			d.broken(g.Group, "", ruleForm, "it has a wedge and no arc that gives the centre")
		case w[0] <= 0 || w[0] >= w[1] || w[2] >= w[3] || w[4] >= w[5] || w[3]-w[2] > 360 || w[5]-w[4] > 360:
			d.broken(g.Group, "", ruleForm, "its wedge does not run from a lower to a higher radius and angle")
		}
	} else if len(s.Outline.Polys) == 0 {
		d.broken(g.Group, "", ruleForm, "it has no outline")
	}
	if n := len(s.Outline.Polys); n > maxPolygons {
		d.broken(g.Group, "", ruleForm, "its outline has %d polygons, want at most %d", n, maxPolygons)
	}
	for _, polygon := range s.Outline.Polys {
		if len(polygon) < 3 || len(polygon) > maxCorners {
			d.broken(g.Group, "", ruleForm, "a polygon of its outline has %d corners, want 3 to %d", len(polygon), maxCorners)
		}
	}
	if g.Kind == readmodel.KindArea {
		if s.Rows != nil {
			d.broken(g.Group, "", ruleForm, "it is an area and has rows")
		}
		return
	}
	if s.Rows == nil {
		d.broken(g.Group, "", rulePlace, "it has no rows")
		return
	}
	d.checkRows(g, *s.Rows)
}

func (d *drawing) checkRows(g readmodel.LayoutGroup, r geometry.Rows) {
	forms := 0
	for _, has := range []bool{r.Arc != nil, r.Line != nil, r.Runs != nil} {
		if has {
			forms++
		}
	}
	switch {
	case forms != 1:
		d.broken(g.Group, "", ruleForm, "it has %d of arc, line and runs, want one", forms)
	case (r.Arc != nil) != (r.At != nil) || (r.Runs == nil) != (r.Align != nil):
		d.broken(g.Group, "", ruleForm, "an arc has at and align, a line has align, and runs have neither")
	case r.Align != nil && !slices.Contains([]float64{0, 0.5, 1}, *r.Align):
		d.broken(g.Group, "", ruleForm, "align is %g, want 0, 0.5 or 1", *r.Align)
	case r.Pitch == 0:
		d.broken(g.Group, "", ruleForm, "pitch is 0")
	case r.Arc != nil:
		for k, row := range g.Rows {
			if radius := r.Arc[2] + float64(k)*r.Arc[3]; radius <= 0 {
				d.broken(g.Group, row.Name, rulePlace, "its radius is %g", radius)
			}
		}
	}
}
