package readmodel

import (
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
	// TimeZone is the IANA time zone of the venue, in which times are shown.
	TimeZone string            `dynamodbav:"timeZone"`
	StartsAt contracts.Instant `dynamodbav:"startsAt"`
	// DoorsAt is when the doors open; 0 if nobody has said so.
	DoorsAt   contracts.Instant `dynamodbav:"doorsAt,omitempty"`
	OnSaleAt  contracts.Instant `dynamodbav:"onSaleAt"`
	OffSaleAt contracts.Instant `dynamodbav:"offSaleAt"`
	PriceFrom contracts.Money   `dynamodbav:"priceFrom"`
	// LimitPerOrder is the maximum number of seats of an order.
	LimitPerOrder int `dynamodbav:"limitPerOrder"`
	// LimitPerBuyer is the stored limit per buyer. Use BuyerLimit instead: rows from before every concert had a limit have 0.
	LimitPerBuyer int `dynamodbav:"limitPerBuyer,omitempty"`
	LayoutVersion int `dynamodbav:"layoutVersion"`
	// LayoutFrozen is the layout version that is sold; 0 until one is frozen, and it never changes after that. The loader or
	// reconcile sets it by condition, from FreezeBeforeSale before the on-sale, when all items of the version exist. Orders are
	// refused while it differs from LayoutVersion: regrouping seats while orders run would sell a seat twice.
	LayoutFrozen int    `dynamodbav:"layoutFrozen,omitempty"`
	Tiers        []Tier `dynamodbav:"tiers"`
	// CancelledAt is when the concert was cancelled; 0 if it was not. A cancellation is final: loading the catalogue again never
	// removes this attribute.
	CancelledAt contracts.Instant `dynamodbav:"cancelledAt,omitempty"`
	// AccessibleReleaseAt is the instant from which an ordinary order may get accessible places if nothing else is left; 0
	// means never.
	AccessibleReleaseAt contracts.Instant `dynamodbav:"accessibleReleaseAt,omitempty"`
	// NoSingleSeat: no order may leave a single seat.
	NoSingleSeat bool `dynamodbav:"noSingleSeat,omitempty"`
	// RefundUntil is until when tickets can be returned; 0 if they cannot.
	RefundUntil contracts.Instant `dynamodbav:"refundUntil,omitempty"`
	// PosterTone chooses the drawing of the poster, 0 to MaxPosterTone; nil if the concert's id does.
	PosterTone *int `dynamodbav:"posterTone,omitempty"`
}

// MaxPosterTone is the highest tone of a poster.
const MaxPosterTone = 255

// OptionalConcertAttributes are the attributes of a row that a catalogue may leave out. A load removes them where it does.
func OptionalConcertAttributes() []string {
	return []string{"doorsAt", "accessibleReleaseAt", "noSingleSeat", "refundUntil", "posterTone"}
}

// AccessibleReleased reports whether ordinary orders may get accessible places at now.
func (c Concert) AccessibleReleased(now contracts.Instant) bool {
	return c.AccessibleReleaseAt > 0 && now >= c.AccessibleReleaseAt
}

// Bounds of the limit per buyer.
const (
	// leastDefaultLimit is the smallest default limit.
	leastDefaultLimit = 8
	// MaxLimitPerBuyer is the highest limit that a concert may have.
	MaxLimitPerBuyer = 100
)

// DefaultLimitPerBuyer is the limit of a concert for which none was chosen: 8, or limitPerOrder if that is higher.
func DefaultLimitPerBuyer(limitPerOrder int) int { return max(leastDefaultLimit, limitPerOrder) }

// BuyerLimit is the maximum number of seats of one buyer, in open orders and tickets together: 1 to MaxLimitPerBuyer. Every
// concert has a limit, so that the seats of every order are counted and the limit can be changed at any time. A lower limit
// takes no bought seat away; it refuses further seats.
func (c Concert) BuyerLimit() int {
	limit := c.LimitPerBuyer
	if limit < 1 {
		limit = DefaultLimitPerBuyer(c.LimitPerOrder)
	}
	return min(limit, MaxLimitPerBuyer)
}

// FreezeBeforeSale is how long before the on-sale a layout is frozen: early enough to load its groups, and late enough to
// correct a seating plan until shortly before.
const FreezeBeforeSale = 10 * time.Minute

// FreezeDue reports whether the layout should be frozen now. A frozen layout stays frozen even if the times of the sale change
// later: regrouped seats would be sold twice.
func (c Concert) FreezeDue(now contracts.Instant) bool {
	return c.LayoutFrozen == 0 && now >= c.OnSaleAt.Add(-FreezeBeforeSale)
}

// AwaitsMark reports whether a sale should be open and is not, because its layout is not frozen yet. It can be frozen at any
// moment.
func (c Concert) AwaitsMark(now contracts.Instant) bool {
	return c.CancelledAt == 0 && now >= c.OnSaleAt && now < c.OffSaleAt && c.LayoutFrozen != c.LayoutVersion
}

// SaleState is the state of the sale of a concert.
type SaleState string

// States of a sale.
const (
	SaleScheduled SaleState = "scheduled"
	SaleOpen      SaleState = "on_sale"
	SaleOver      SaleState = "over"
	SaleCancelled SaleState = "cancelled"
)

// Sale returns the state at now. A concert is on sale from OnSaleAt (inclusive) to OffSaleAt (exclusive) once its layout is
// frozen. A cancelled concert is never on sale.
func (c Concert) Sale(now contracts.Instant) SaleState {
	switch {
	case c.CancelledAt != 0:
		return SaleCancelled
	case now >= c.OffSaleAt:
		return SaleOver
	case now < c.OnSaleAt, c.LayoutFrozen != c.LayoutVersion:
		return SaleScheduled
	default:
		return SaleOpen
	}
}

// FullTitle returns the title and who plays, for a reader who sees nothing else of the concert.
func (c Concert) FullTitle() string {
	if c.Artist == "" || c.Artist == c.Title {
		return c.Title
	}
	return c.Title + " – " + c.Artist
}

// Place returns where the concert is: the venue and its city.
func (c Concert) Place() string {
	if c.Venue == "" || c.City == "" {
		return c.Venue + c.City
	}
	return c.Venue + ", " + c.City
}
