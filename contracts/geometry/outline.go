package geometry

import "math"

// degreesPerEdge is the greatest angle that one edge of a polygon stands for when it replaces an arc. At a radius of 170 seats
// the polygon is at most 0.0004 seats away from the arc.
const degreesPerEdge = 0.25

// Polygons returns the outline of a shape as polygons. A wedge becomes one polygon with many edges. It is nil if the shape has
// no outline, or a wedge without an arc to give the centre.
func (s Shape) Polygons() [][]Point {
	if s.Outline.Wedge == nil {
		return s.Outline.Polys
	}
	if s.Rows == nil || s.Rows.Arc == nil {
		return nil
	}
	centre, w := Point{s.Rows.Arc[0], s.Rows.Arc[1]}, s.Outline.Wedge
	polygon := alongArc(nil, centre, w[0], w[2], w[3])
	return [][]Point{alongArc(polygon, centre, w[1], w[5], w[4])}
}

func alongArc(to []Point, centre Point, radius, from, until float64) []Point {
	// No wedge goes around more than once, so that a mistaken angle cannot ask for millions of edges.
	edges := int(math.Ceil(min(math.Abs(until-from), 360) / degreesPerEdge))
	for i := range edges + 1 {
		angle := from
		if edges > 0 {
			angle += (until - from) * float64(i) / float64(edges)
		}
		to = append(to, Polar(centre, radius, Radians(angle)))
	}
	return to
}

// Box is a rectangle with edges along x and y.
type Box struct{ Left, Top, Right, Bottom float64 }

// BoxOf returns the smallest box around points. Without points the box is empty: it touches nothing.
func BoxOf(points []Point) Box {
	b := Box{Left: math.Inf(1), Top: math.Inf(1), Right: math.Inf(-1), Bottom: math.Inf(-1)}
	for _, p := range points {
		b.Left, b.Right = min(b.Left, p[0]), max(b.Right, p[0])
		b.Top, b.Bottom = min(b.Top, p[1]), max(b.Bottom, p[1])
	}
	return b
}

// Touches reports whether two boxes have a point in common.
func (b Box) Touches(o Box) bool {
	return b.Left <= o.Right && o.Left <= b.Right && b.Top <= o.Bottom && o.Top <= b.Bottom
}

// Has reports whether a point is in the box or on its border.
func (b Box) Has(p Point) bool {
	return b.Left <= p[0] && p[0] <= b.Right && b.Top <= p[1] && p[1] <= b.Bottom
}

// Inside reports whether a point is in a polygon. A point on the border may count as either.
func Inside(polygon []Point, p Point) bool {
	in := false
	for i, a := range polygon {
		b := polygon[(i+1)%len(polygon)]
		if (a[1] > p[1]) != (b[1] > p[1]) && p[0] < (b[0]-a[0])*(p[1]-a[1])/(b[1]-a[1])+a[0] {
			in = !in
		}
	}
	return in
}

// Meet reports whether two segments have a point in common, also if they only touch.
func Meet(a, b, c, d Point) bool {
	for i := range a {
		if min(a[i], b[i]) > max(c[i], d[i]) || min(c[i], d[i]) > max(a[i], b[i]) {
			return false
		}
	}
	s1, s2, s3, s4 := side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)
	return s1*s2 <= 0 && s3*s4 <= 0
}

// TurnsBack reports whether a path from a by b to c goes back along itself at b, or does not move at all.
func TurnsBack(a, b, c Point) bool {
	return side(a, b, c) == 0 && (b[0]-a[0])*(c[0]-b[0])+(b[1]-a[1])*(c[1]-b[1]) <= 0
}

// side is positive if p is on the one side of the line through a and b, negative on the other, and 0 on the line.
func side(a, b, p Point) float64 { return (b[0]-a[0])*(p[1]-a[1]) - (b[1]-a[1])*(p[0]-a[0]) }
