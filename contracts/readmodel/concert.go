package readmodel

import (
	"slices"
	"strconv"
	"time"

	"boxoffice/contracts"
)

// Concert is the row of a concert.
type Concert struct {
	ConcertID   string `dynamodbav:"concertId"`
	Title       string `dynamodbav:"title"`
	Artist      string `dynamodbav:"artist"`
	Genre       string `dynamodbav:"genre"`
	City        string `dynamodbav:"city"`
	Venue       string `dynamodbav:"venue"`
	Description string `dynamodbav:"description"`
	// TimeZone is the IANA zone of the venue, in which its times are shown.
	TimeZone  string            `dynamodbav:"timeZone"`
	StartsAt  contracts.Instant `dynamodbav:"startsAt"`
	OnSaleAt  contracts.Instant `dynamodbav:"onSaleAt"`
	OffSaleAt contracts.Instant `dynamodbav:"offSaleAt"`
	PriceFrom contracts.Money   `dynamodbav:"priceFrom"`
	// LimitPerOrder is the most seats one order may ask for.
	LimitPerOrder int `dynamodbav:"limitPerOrder"`
	// LimitPerBuyer is the most seats one buyer may have in open orders and tickets together; 0 is no limit.
	LimitPerBuyer int `dynamodbav:"limitPerBuyer,omitempty"`
	LayoutVersion int `dynamodbav:"layoutVersion"`
	// LayoutFrozen is the layout version that may be sold, once there is one for good: set by condition from FreezeBeforeSale on,
	// by the loader or else by reconcile, when all its items are there. Orders are refused while it is not LayoutVersion:
	// regrouping seats under running orders would sell a seat twice.
	LayoutFrozen int    `dynamodbav:"layoutFrozen,omitempty"`
	Tiers        []Tier `dynamodbav:"tiers"`
	// AccessibleReleaseAt is from when on an order that asks for no accessible places may be given some, where nothing else
	// is left; 0 is never.
	AccessibleReleaseAt contracts.Instant `dynamodbav:"accessibleReleaseAt,omitempty"`
}

// AccessibleReleased says whether accessible places are anybody's at an instant (inclusive).
func (c Concert) AccessibleReleased(now contracts.Instant) bool {
	return c.AccessibleReleaseAt > 0 && now >= c.AccessibleReleaseAt
}

// FreezeBeforeSale is how long before the on-sale a layout is frozen: soon enough for its groups to be loaded, and late enough
// for a seating plan to be mended until shortly before.
const FreezeBeforeSale = 10 * time.Minute

// FreezeDue says whether the layout is to be marked as the one that is sold. Nothing lifts the mark, whatever the times say
// later: regrouped seats would be sold twice.
func (c Concert) FreezeDue(now contracts.Instant) bool {
	return c.LayoutFrozen == 0 && now >= c.OnSaleAt.Add(-FreezeBeforeSale)
}

// SaleState is where a concert is in its sale.
type SaleState string

// States of a sale.
const (
	SaleScheduled SaleState = "scheduled"
	SaleOpen      SaleState = "on_sale"
	SaleOver      SaleState = "over"
)

// Sale is the state at an instant: on sale from OnSaleAt (inclusive) to OffSaleAt (exclusive), with a frozen layout.
func (c Concert) Sale(now contracts.Instant) SaleState {
	switch {
	case now >= c.OffSaleAt:
		return SaleOver
	case now < c.OnSaleAt, c.LayoutFrozen != c.LayoutVersion:
		return SaleScheduled
	default:
		return SaleOpen
	}
}

// Tier is a price category.
type Tier struct {
	ID    string          `dynamodbav:"id" json:"id"`
	Name  string          `dynamodbav:"name" json:"name"`
	Price contracts.Money `dynamodbav:"price" json:"price"`
}

// LayoutKey is the partition key of a concert's layout items: "concertId#version".
func LayoutKey(concertID string, version int) string {
	return concertID + "#" + strconv.Itoa(version)
}

// LayoutGroup is the item of one seat group in one layout version. One item a group, since a whole arena is over the
// 400 KB of an item.
type LayoutGroup struct {
	// ConcertLayout is LayoutKey. SeatGroup is the group's name alone; with the concert it is the seat group's key.
	ConcertLayout string `dynamodbav:"concertLayout"`
	Group         string `dynamodbav:"seatGroup"`
	// Order is the group's position in the layout, from 0.
	Order   int    `dynamodbav:"order"`
	Section string `dynamodbav:"section"`
	Kind    string `dynamodbav:"kind"`
	Tier    string `dynamodbav:"tier"`
	// Price of each seat of the group, copied from the tier, so that a hold needs this item alone.
	Price contracts.Money `dynamodbav:"price"`
	// Seats by name; the index is the seat's place (contracts/seatstate).
	Seats []string    `dynamodbav:"seats"`
	Rows  []LayoutRow `dynamodbav:"rows"`
	// Accessible names the seats that a wheelchair can use.
	Accessible []string `dynamodbav:"accessible,omitempty"`
	Shape      Shape    `dynamodbav:"shape"`
}

// Kinds of a group: numbered seats in rows, or the numbered places of a general-admission area, which has one row.
const (
	KindSeats = "seats"
	KindArea  = "area"
)

// LayoutRow is a row of a group, its seats from left to right as seen from the stage.
type LayoutRow struct {
	Name  string   `dynamodbav:"name" json:"name"`
	Seats []string `dynamodbav:"seats" json:"seats"`
}

// Shape is where a group is drawn, in seat widths: the origin is the middle of the stage edge, x runs to the right as
// seen from the audience and y away from the stage. Rows has the position of each row's first seat, in the order of
// LayoutGroup.Rows; the seats of a row are one width apart, and odd rows are shifted by half a seat. The one row of an
// area has the corner of its rectangle: its places stand nowhere in particular.
type Shape struct {
	X      float64    `dynamodbav:"x" json:"x"`
	Y      float64    `dynamodbav:"y" json:"y"`
	Width  float64    `dynamodbav:"width" json:"width"`
	Height float64    `dynamodbav:"height" json:"height"`
	Rows   []Position `dynamodbav:"rows" json:"rows"`
}

// Position is a point in a layout.
type Position struct {
	X float64 `dynamodbav:"x" json:"x"`
	Y float64 `dynamodbav:"y" json:"y"`
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
