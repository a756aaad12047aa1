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

// LayoutKey returns the name of a layout version of a concert: "concertId#version". The keys of its items begin with it
// (contracts/layoutitem).
func LayoutKey(concertID string, version int) string {
	return concertID + "#" + strconv.Itoa(version)
}

// LayoutItem is an item of the table layouts: the part of a layout version that one kind of reader needs, compressed
// (contracts/layoutitem). It is written once and never changes.
type LayoutItem struct {
	// Key is "concertId#version#use".
	Key  string `dynamodbav:"layoutItem"`
	Body []byte `dynamodbav:"body"`
}

// LayoutGroup is a seat group in a layout version. A layout lists its groups in the order in which they are shown.
type LayoutGroup struct {
	// Group is the group's name alone; with the concert it is the seat group's key.
	Group   string
	Section string
	Kind    string
	Tier    string
	// Price is the price of each seat, copied from the tier, so that a hold need not read the tier.
	Price contracts.Money
	// Seats are the names of the seats of Rows, usually in the same order. The index of a seat is its place
	// (contracts/seatstate).
	Seats []string
	Rows  []LayoutRow
	// Accessible names the seats that a wheelchair can use.
	Accessible []string
	Shape      Shape
}

// Kinds of a group: numbered seats in rows, or the numbered places of a general-admission area, which is one row.
const (
	KindSeats = "seats"
	KindArea  = "area"
)

// LayoutRow is a row of a group. Its seats are listed from left to right as seen from the stage.
type LayoutRow struct {
	Name  string   `json:"name"`
	Seats []string `json:"seats"`
}

// Shape is where a group is drawn. The unit is the width of a seat, the origin is the middle of the stage edge, x runs to the
// right as seen from the audience, and y runs away from the stage. Rows has the position of the first seat of each row, in the
// order of LayoutGroup.Rows. The seats of a row are one unit apart, and odd rows are shifted by half a unit. For an area, Rows
// has the corner of its rectangle, since its places have no positions of their own.
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

// Places returns the place of each seat name, in the same order. If a name is unknown, ok is false and unknown is the first
// such name.
func (g LayoutGroup) Places(seats []string) (places []int, unknown string, ok bool) {
	places = make([]int, len(seats))
	for i, s := range seats {
		// An order has few seats, so a linear search is faster than building an index.
		if places[i] = slices.Index(g.Seats, s); places[i] < 0 {
			return nil, s, false
		}
	}
	return places, "", true
}

// Names returns the seat name of each place. The caller must not pass a place outside the group; its name is "".
func (g LayoutGroup) Names(places []int) []string {
	names := make([]string, len(places))
	for i, p := range places {
		if p >= 0 && p < len(g.Seats) {
			names[i] = g.Seats[p]
		}
	}
	return names
}
