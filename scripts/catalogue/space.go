package catalogue

import (
	"math"

	"boxoffice/contracts/geometry"
)

// leastDistance is how far the middles of two seats are apart at least, in seat widths.
const leastDistance = 0.9

// checkSpace checks how seats and outlines lie to each other.
func (d *drawing) checkSpace() {
	d.checkNearest()
	d.checkInside()
	d.checkOutlines()
	b := d.plan.Bounds
	bounds := geometry.Box{Left: b[0], Top: b[1], Right: b[0] + b[2], Bottom: b[1] + b[3]}
	for _, o := range d.outlines {
		if o.box.Left < bounds.Left || o.box.Top < bounds.Top || o.box.Right > bounds.Right || o.box.Bottom > bounds.Bottom {
			d.broken(d.nameOf(o.group), "", ruleBounds, "its outline is not")
		}
	}
}

// once lets each row have one problem a rule: a wrong angle would otherwise give one for each seat.
type once map[[3]string]bool

func (o once) first(group, row, rule string) bool {
	key := [3]string{group, row, rule}
	known := o[key]
	o[key] = true
	return !known
}

// checkNearest looks up each seat's neighbours in a grid. Its cells are as wide as the least distance, so that only the nine
// cells around a seat can have one that is too near. A seat that is too near is not compared with those after it, so that a cell
// has few seats, also in a hall whose seats are all at one place.
func (d *drawing) checkNearest() {
	said := once{}
	cells := map[[2]int][]int{}
	for i, seat := range d.seats {
		near := false
		x, y := int(math.Floor(seat.at[0]/leastDistance)), int(math.Floor(seat.at[1]/leastDistance))
		for dx := -1; dx <= 1; dx++ {
			for dy := -1; dy <= 1; dy++ {
				for _, j := range cells[[2]int{x + dx, y + dy}] {
					other := d.seats[j]
					distance := geometry.Distance(seat.at, other.at)
					if distance >= leastDistance {
						continue
					}
					near = true
					if group := d.nameOf(seat.group); said.first(group, seat.row, ruleNearest) {
						d.broken(group, seat.row, ruleNearest, "%s and %s of group %s are %.2f apart", seat.name, other.name, d.nameOf(other.group), distance)
					}
				}
			}
		}
		if !near {
			cells[[2]int{x, y}] = append(cells[[2]int{x, y}], i)
		}
	}
}

func (d *drawing) checkInside() {
	said := once{}
	for _, seat := range d.seats {
		own, other := false, -1
		for _, o := range d.outlines {
			switch {
			case !o.box.Has(seat.at) || !geometry.Inside(o.polygon, seat.at):
			case o.group == seat.group:
				own = true
			default:
				other = o.group
			}
		}
		group := d.nameOf(seat.group)
		if !own && said.first(group, seat.row, ruleInside) {
			d.broken(group, seat.row, ruleInside, "%s at %.2f, %.2f is not", seat.name, seat.at[0], seat.at[1])
		}
		if other >= 0 && said.first(group, seat.row, ruleOther) {
			d.broken(group, seat.row, ruleOther, "%s at %.2f, %.2f is in that of %s", seat.name, seat.at[0], seat.at[1], d.nameOf(other))
		}
	}
}

// checkOutlines compares each polygon with itself and with each other one, also of the same group. Polygons that only touch are
// not apart.
func (d *drawing) checkOutlines() {
	for i, a := range d.outlines {
		if crossesItself(a.polygon) {
			d.broken(d.nameOf(a.group), "", ruleApart, "a polygon of its outline crosses itself")
		}
		for _, b := range d.outlines[:i] {
			if a.box.Touches(b.box) && overlap(a.polygon, b.polygon) {
				d.broken(d.nameOf(a.group), "", ruleApart, "its outline and that of %s are not", d.nameOf(b.group))
			}
		}
	}
}

// overlap reports whether two polygons have a point in common. If no edges meet, one polygon has all corners of the other or
// none.
func overlap(a, b []geometry.Point) bool {
	for i, from := range a {
		to := a[(i+1)%len(a)]
		for j, start := range b {
			if geometry.Meet(from, to, start, b[(j+1)%len(b)]) {
				return true
			}
		}
	}
	return geometry.Inside(a, b[0]) || geometry.Inside(b, a[0])
}

// crossesItself reports whether edges of a polygon that are not neighbours meet, or an edge runs back along the one before it. So a
// polygon without an area crosses itself.
func crossesItself(polygon []geometry.Point) bool {
	n := len(polygon)
	for i := range n {
		if geometry.TurnsBack(polygon[i], polygon[(i+1)%n], polygon[(i+2)%n]) {
			return true
		}
		for j := i + 2; j < n; j++ {
			if (j+1)%n != i && geometry.Meet(polygon[i], polygon[i+1], polygon[j], polygon[(j+1)%n]) {
				return true
			}
		}
	}
	return false
}
