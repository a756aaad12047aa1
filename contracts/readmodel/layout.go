package readmodel

import (
	"slices"
	"strconv"

	"boxoffice/contracts"
	"boxoffice/contracts/geometry"
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
	// SectionName is what buyers read for Section, for example "Stalls left". It is empty if the layout says none.
	SectionName string
	Kind        string
	// Tier is the id of the tier. It is empty in layouts that were stored without it.
	Tier string
	// Price is the price of each seat, copied from the tier, so that a hold need not read the tier.
	Price contracts.Money
	// Seats are the names of the seats of Rows, usually in the same order. The index of a seat is its place
	// (contracts/seatstate).
	Seats []string
	Rows  []LayoutRow
	// Accessible names the seats that a wheelchair can use.
	Accessible []string
	// Companions names the seats that are meant for the companions of buyers in accessible seats, and Restricted the seats with a
	// restricted view. Both are shown to buyers; they change no rule of an order.
	Companions []string
	Restricted []string
	// Shape says where the group is drawn.
	Shape geometry.Shape
}

// Kinds of a group: numbered seats in rows, or the numbered places of a general-admission area, which is one row.
const (
	KindSeats = "seats"
	KindArea  = "area"
)

// LayoutRow is a row of a group. Its seats are listed from left to right as seen from the stage.
type LayoutRow struct {
	Name  string
	Seats []string
}

// SameTier reports whether the seats of two groups are of one tier. Groups that were stored without their tiers are of one tier if
// they have one price.
func (g LayoutGroup) SameTier(other LayoutGroup) bool {
	if g.Tier == "" || other.Tier == "" {
		return g.Price == other.Price
	}
	return g.Tier == other.Tier
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
