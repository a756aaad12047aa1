package readmodel

import (
	"slices"
	"strconv"

	"boxoffice/contracts"
)

// Tier is a price category.
type Tier struct {
	ID    string          `dynamodbav:"id" json:"id"`
	Name  string          `dynamodbav:"name" json:"name"`
	Price contracts.Money `dynamodbav:"price" json:"price"`
}

// LayoutKey names a layout version of a concert: "concertId#version". Its items are named after it (contracts/layoutitem).
func LayoutKey(concertID string, version int) string {
	return concertID + "#" + strconv.Itoa(version)
}

// LayoutItem is an item of the table of layouts: what one kind of reader needs of a whole layout version, compressed
// (contracts/layoutitem). It is written once and never changes.
type LayoutItem struct {
	// Key names the layout version and the use: "concertId#version#use".
	Key  string `dynamodbav:"layoutItem"`
	Body []byte `dynamodbav:"body"`
}

// LayoutGroup is one seat group in one layout version. A layout lists its groups in the order in which they are shown.
type LayoutGroup struct {
	// Group is the group's name alone; with the concert it is the seat group's key.
	Group   string
	Section string
	Kind    string
	Tier    string
	// Price of each seat of the group, copied from the tier, so that a hold needs nothing else.
	Price contracts.Money
	// Seats by name; the index is the seat's place (contracts/seatstate). They are those of Rows, mostly in their order.
	Seats []string
	Rows  []LayoutRow
	// Accessible names the seats that a wheelchair can use.
	Accessible []string
	Shape      Shape
}

// Kinds of a group: numbered seats in rows, or the numbered places of a general-admission area, which has one row.
const (
	KindSeats = "seats"
	KindArea  = "area"
)

// LayoutRow is a row of a group, its seats from left to right as seen from the stage.
type LayoutRow struct {
	Name  string   `json:"name"`
	Seats []string `json:"seats"`
}

// Shape is where a group is drawn, in seat widths: the origin is the middle of the stage edge, x runs to the right as
// seen from the audience and y away from the stage. Rows has the position of each row's first seat, in the order of
// LayoutGroup.Rows; the seats of a row are one width apart, and odd rows are shifted by half a seat. The one row of an
// area has the corner of its rectangle: its places stand nowhere in particular.
type Shape struct {
	X      float64    `json:"x"`
	Y      float64    `json:"y"`
	Width  float64    `json:"width"`
	Height float64    `json:"height"`
	Rows   []Position `json:"rows"`
}

// Position is a point in a layout.
type Position struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// Places gives the place of each seat name, in the order asked for. The first unknown name is returned with ok false.
func (g LayoutGroup) Places(seats []string) (places []int, unknown string, ok bool) {
	places = make([]int, len(seats))
	for i, s := range seats {
		// An order has few seats: looking through the group is quicker than an index of it.
		if places[i] = slices.Index(g.Seats, s); places[i] < 0 {
			return nil, s, false
		}
	}
	return places, "", true
}

// Names gives the seat names of places. A place outside the group is an error of the caller and gives "".
func (g LayoutGroup) Names(places []int) []string {
	names := make([]string, len(places))
	for i, p := range places {
		if p >= 0 && p < len(g.Seats) {
			names[i] = g.Seats[p]
		}
	}
	return names
}
