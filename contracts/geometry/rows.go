package geometry

import "math"

// Rows says where the seats of a group are. It has exactly one of Arc, Line and Runs. The numbers of seats come from the
// layout.
type Rows struct {
	Arc  *Arc    `json:"arc,omitempty"`
	Line *Line   `json:"line,omitempty"`
	Runs [][]Run `json:"runs,omitempty"`
	// At is the angle at which the rows of an Arc are anchored.
	At *float64 `json:"at,omitempty"`
	// Pitch is the distance between neighbours. If it is negative, the numbers of an Arc run against the angle.
	Pitch float64 `json:"pitch"`
	// Align says which seat of a row is at the anchor: 0 the first, 0.5 the middle, 1 the last. Runs have none.
	Align *float64 `json:"align,omitempty"`
}

// Row returns the places of the n seats of row k, counted from 0, in the order of their numbers. ok is false if the rows give
// that row no place or another number of seats.
func (r Rows) Row(k, n int) (places []Point, ok bool) {
	if k < 0 || n < 0 {
		return nil, false
	}
	switch {
	case r.Arc != nil && r.At != nil && r.Align != nil:
		return r.onArc(k, n), true
	case r.Line != nil && r.Align != nil:
		places = make([]Point, n)
		for i := range places {
			places[i] = Point{r.Line[0] + (float64(i)-*r.Align*float64(n-1))*r.Pitch, r.Line[1] + float64(k)*r.Line[2]}
		}
		return places, true
	case k < len(r.Runs):
		return r.inRuns(k, n)
	}
	return nil, false
}

func (r Rows) onArc(k, n int) []Point {
	radius := r.Arc[2] + float64(k)*r.Arc[3]
	step := r.Pitch / radius
	first := Radians(*r.At) - *r.Align*float64(n-1)*step
	places := make([]Point, n)
	for i := range places {
		places[i] = Polar(Point{r.Arc[0], r.Arc[1]}, radius, first+float64(i)*step)
	}
	return places
}

func (r Rows) inRuns(k, n int) ([]Point, bool) {
	places := make([]Point, 0, n)
	for _, run := range r.Runs[k] {
		// Comparing numbers, not a conversion, decides: a count that is no whole number of the row's seats gives no place.
		if !(run[3] >= 0 && run[3] <= float64(n-len(places))) || run[3] != math.Trunc(run[3]) {
			return nil, false
		}
		for i := range int(run[3]) {
			places = append(places, Polar(Point{run[0], run[1]}, float64(i)*r.Pitch, Radians(run[2])))
		}
	}
	return places, len(places) == n
}

// Polar returns the point at a distance from a centre, in the direction of an angle in radians.
func Polar(centre Point, distance, angle float64) Point {
	return Point{centre[0] + distance*math.Cos(angle), centre[1] + distance*math.Sin(angle)}
}

// Radians converts degrees.
func Radians(degrees float64) float64 { return degrees * math.Pi / 180 }

// Distance returns how far two points are apart.
func Distance(a, b Point) float64 { return math.Hypot(a[0]-b[0], a[1]-b[1]) }
