package catalogue

import (
	"fmt"
	"strconv"

	"boxoffice/contracts/readmodel"
)

// area is a general-admission area: a number of equal places inside of an outline. A place is named letter-area-place, where areas are
// counted through the bands of their section: GA-1-0001.
type area struct {
	Places int `json:"places"`
}

// areaGroup returns the area as a seat group with all places in one row, as readmodel.KindArea specifies.
func (s section) areaGroup(b band, number int) readmodel.LayoutGroup {
	row := readmodel.LayoutRow{Name: strconv.Itoa(number)}
	for place := range b.Area.Places {
		row.Seats = append(row.Seats, fmt.Sprintf("%s-%d-%04d", s.Letter, number, place+1))
	}
	return readmodel.LayoutGroup{
		Group: b.Group, Section: s.Section, Kind: readmodel.KindArea, Tier: b.Tier,
		Seats: append([]string(nil), row.Seats...), Rows: []readmodel.LayoutRow{row},
	}
}

func (b band) validateArea(p *problems) {
	p.checkf(len(b.Rows) == 0, "group %s is an area and has rows", b.Group)
	p.checkf(b.Area.Places >= minGroupSeats && b.Area.Places <= maxGroupSeats,
		"group %s has %d places, want %d to %d", b.Group, b.Area.Places, minGroupSeats, maxGroupSeats)
}
