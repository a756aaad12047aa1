// Package geometry defines where the seats of a hall stand and what is drawn around them. It is pure. The site computes the
// places of seats by the same rule.
//
// The unit is the width of a seat. The stage edge is at y = 0, x runs to the right as seen from the audience, and y runs away
// from the stage. Angles are in degrees: 0 is to the right, 90 is away from the stage.
package geometry

// Version and Unit are those that this package reads.
const (
	Version = 1
	Unit    = "seat"
)

// Geometry is what is drawn of a hall, apart from its seat groups.
type Geometry struct {
	Version int    `json:"version"`
	Unit    string `json:"unit"`
	// Bounds is the rectangle around everything: left, top, width and height.
	Bounds Bounds `json:"bounds"`
	// Focal is the point that the audience looks at.
	Focal Point `json:"focal"`
	Stage Stage `json:"stage"`
	// Decor is drawn in this order, below the seats.
	Decor  []Decor `json:"decor"`
	Levels []Level `json:"levels"`
	// Sections has each section of the layout by its name in orders.
	Sections map[string]Section `json:"sections"`
}

// Stage is a polygon and the place of its label.
type Stage struct {
	Outline []Point `json:"outline"`
	Label   Point   `json:"label"`
}

// Decor is something to draw that has no seats. It has either Arcs or Path.
type Decor struct {
	Kind  string     `json:"kind"`
	Arcs  []DecorArc `json:"arcs,omitempty"`
	Path  []Point    `json:"path,omitempty"`
	Label string     `json:"label,omitempty"`
}

// Kinds of a Decor.
const (
	DecorFloor = "floor"
	DecorWall  = "wall"
	DecorDesk  = "desk"
)

// Level is a storey of the hall. Its name is written at At, or along the sections whose names begin with Ring.
type Level struct {
	Name string `json:"name"`
	At   *Point `json:"at,omitempty"`
	Ring string `json:"ring,omitempty"`
}

// Section is the plate of a section: its name for buyers, the middle of the plate, and how far the plate is turned.
type Section struct {
	Name string  `json:"name"`
	At   Point   `json:"at"`
	Turn float64 `json:"turn"`
	// RowNames is RowNamesFirst if the names of rows stand at their first seats. Without it Align says where they stand.
	RowNames string `json:"rowNames,omitempty"`
}

// RowNamesFirst is a value of Section.RowNames.
const RowNamesFirst = "first"

// Shape is where a seat group is. An area has no Rows: its places are equal, and are anywhere in the outline.
type Shape struct {
	Rows    *Rows   `json:"rows,omitempty"`
	Outline Outline `json:"outline"`
}

// Outline is the border of a seat group: a Wedge around the centre of the group's Arc, or one or more polygons.
type Outline struct {
	Wedge *Wedge    `json:"wedge,omitempty"`
	Polys [][]Point `json:"polys,omitempty"`
}

// Plan is the file of a hall's geometry: the drawing and the shape of each seat group.
type Plan struct {
	Geometry
	// Venue is the name of the seating plan. It may be omitted.
	Venue  string           `json:"venue,omitempty"`
	Groups map[string]Shape `json:"groups"`
}
