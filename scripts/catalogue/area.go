package catalogue

import (
	"fmt"
	"strconv"

	"boxoffice/contracts/readmodel"
)

// area is a general-admission area: a number of equal places in a rectangle. A place is named letter-area-place, where areas are
// counted through the bands of their section: GA-1-0001.
type area struct {
	Places int     `json:"places"`
	X      float64 `json:"x"`
	Y      float64 `json:"y"`
	Width  float64 `json:"width"`
	Height float64 `json:"height"`
}

// areaGroup returns the area as a seat group with all places in one row, as readmodel.KindArea specifies. The row's position is
// the corner of the rectangle.
func (s section) areaGroup(b band, number int) readmodel.LayoutGroup {
	row := readmodel.LayoutRow{Name: strconv.Itoa(number)}
	for place := range b.Area.Places {
		row.Seats = append(row.Seats, fmt.Sprintf("%s-%d-%04d", s.Letter, number, place+1))
	}
	return readmodel.LayoutGroup{
		Group: b.Group, Section: s.Section, Kind: readmodel.KindArea, Tier: b.Tier,
		Seats: append([]string(nil), row.Seats...), Rows: []readmodel.LayoutRow{row},
		Shape: readmodel.Shape{
			X: b.Area.X, Y: b.Area.Y, Width: b.Area.Width, Height: b.Area.Height,
			Rows: []readmodel.Position{{X: b.Area.X, Y: b.Area.Y}},
		},
	}
}

func (b band) validateArea(p *problems) {
	p.checkf(len(b.Rows) == 0 && len(b.At) == 0, "group %s is an area and has rows", b.Group)
	p.checkf(b.Area.Width > 0 && b.Area.Height > 0, "group %s: its area is %g by %g", b.Group, b.Area.Width, b.Area.Height)
	p.checkf(b.Area.Places >= minGroupSeats && b.Area.Places <= maxGroupSeats,
		"group %s has %d places, want %d to %d", b.Group, b.Area.Places, minGroupSeats, maxGroupSeats)
}
