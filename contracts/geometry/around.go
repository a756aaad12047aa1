package geometry

import "math"

// OldFrame is how layouts without a geometry say where a seat group is drawn: a rectangle, and the corner of the first seat of
// each row. The seats of a row are one unit wide. For an area, rows has the corner of the rectangle.
type OldFrame struct {
	X      float64    `json:"x"`
	Y      float64    `json:"y"`
	Width  float64    `json:"width"`
	Height float64    `json:"height"`
	Rows   []OldStart `json:"rows"`
}

// OldStart is the corner of the first seat of a row.
type OldStart struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// Shape returns the frame as a Shape: one straight run for each row. seats has the number of seats of each row; it is nil for an
// area.
func (f OldFrame) Shape(seats []int) Shape {
	var s Shape
	s.Outline.Polys = [][]Point{{{f.X, f.Y}, {f.X + f.Width, f.Y}, {f.X + f.Width, f.Y + f.Height}, {f.X, f.Y + f.Height}}}
	if seats == nil || len(seats) != len(f.Rows) {
		return s
	}
	s.Rows = &Rows{Pitch: 1}
	for k, at := range f.Rows {
		s.Rows.Runs = append(s.Rows.Runs, []Run{{at.X + 0.5, at.Y + 0.5, 0, float64(seats[k])}})
	}
	return s
}

// Placed is a seat group with its section and shape.
type Placed struct {
	Section string
	Shape   Shape
}

// Around returns a plain drawing of a hall that has none of its own: a stage in front of the seats, and a plate with its name
// in the middle of each section.
func Around(groups []Placed) Geometry {
	var all []Point
	sections := map[string][]Point{}
	for _, g := range groups {
		for _, polygon := range g.Shape.Polygons() {
			all = append(all, polygon...)
			sections[g.Section] = append(sections[g.Section], polygon...)
		}
	}
	const depth, margin = 6.0, 4.0
	b := BoxOf(append(all, Point{0, -depth}, Point{0, 0}))
	half := math.Ceil(max(depth, (b.Right-b.Left)/4))
	b = BoxOf([]Point{
		{b.Left - margin, b.Top - margin}, {b.Right + margin, b.Bottom + margin},
		{-half - margin, 0}, {half + margin, 0},
	})
	g := Geometry{
		Version: Version, Unit: Unit,
		Bounds: Bounds{rounded(b.Left), rounded(b.Top), rounded(b.Right - b.Left), rounded(b.Bottom - b.Top)},
		Focal:  Point{0, -depth / 2},
		Stage:  Stage{Outline: []Point{{-half, -depth}, {half, -depth}, {half, 0}, {-half, 0}}, Label: Point{0, -depth / 2}},
		Decor:  []Decor{}, Levels: []Level{}, Sections: map[string]Section{},
	}
	for name, points := range sections {
		box := BoxOf(points)
		g.Sections[name] = Section{Name: name, At: Point{rounded((box.Left + box.Right) / 2), rounded((box.Top + box.Bottom) / 2)}}
	}
	return g
}

// rounded has at most 2 decimals.
func rounded(x float64) float64 { return math.Round(x*100) / 100 }
