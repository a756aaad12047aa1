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
	// TimeZone is the IANA zone of the venue, in which its times are shown.
	TimeZone  string            `dynamodbav:"timeZone"`
	StartsAt  contracts.Instant `dynamodbav:"startsAt"`
	OnSaleAt  contracts.Instant `dynamodbav:"onSaleAt"`
	OffSaleAt contracts.Instant `dynamodbav:"offSaleAt"`
	PriceFrom contracts.Money   `dynamodbav:"priceFrom"`
	// LimitPerOrder is the most seats one order may ask for.
	LimitPerOrder int `dynamodbav:"limitPerOrder"`
	// LimitPerBuyer is what is stored of the limit per buyer; BuyerLimit is what holds. 0 is a row from before every concert had
	// a limit.
	LimitPerBuyer int `dynamodbav:"limitPerBuyer,omitempty"`
	LayoutVersion int `dynamodbav:"layoutVersion"`
	// LayoutFrozen is the layout version that may be sold, once there is one for good: set by condition from FreezeBeforeSale on,
	// by the loader or else by reconcile, when all its items are there. Orders are refused while it is not LayoutVersion:
	// regrouping seats under running orders would sell a seat twice.
	LayoutFrozen int    `dynamodbav:"layoutFrozen,omitempty"`
	Tiers        []Tier `dynamodbav:"tiers"`
	// CancelledAt is when the sale was ended for good; 0 if it was not. The loader never writes it, so that loading the catalogue
	// again lifts nothing.
	CancelledAt contracts.Instant `dynamodbav:"cancelledAt,omitempty"`
	// AccessibleReleaseAt is from when on an order that asks for no accessible places may be given some, where nothing else
	// is left; 0 is never.
	AccessibleReleaseAt contracts.Instant `dynamodbav:"accessibleReleaseAt,omitempty"`
}

// AccessibleReleased says whether accessible places are anybody's at an instant (inclusive).
func (c Concert) AccessibleReleased(now contracts.Instant) bool {
	return c.AccessibleReleaseAt > 0 && now >= c.AccessibleReleaseAt
}

// Bounds of the limit per buyer.
const (
	// leastDefaultLimit is the default for a concert whose orders may be smaller.
	leastDefaultLimit = 8
	// MaxLimitPerBuyer is the highest limit that a concert may have.
	MaxLimitPerBuyer = 100
)

// DefaultLimitPerBuyer is the limit of a concert for which none was chosen: 8, or an order as large as the concert allows.
func DefaultLimitPerBuyer(limitPerOrder int) int { return max(leastDefaultLimit, limitPerOrder) }

// BuyerLimit is the most seats that one buyer may have of the concert, in open orders and tickets together: 1 to
// MaxLimitPerBuyer. Every concert has one, so the seats of every order are counted, and the limit may be changed at any time: a
// lower one takes nothing away that was bought, and refuses what would be more.
func (c Concert) BuyerLimit() int {
	limit := c.LimitPerBuyer
	if limit < 1 {
		limit = DefaultLimitPerBuyer(c.LimitPerOrder)
	}
	return min(limit, MaxLimitPerBuyer)
}

// FreezeBeforeSale is how long before the on-sale a layout is frozen: soon enough for its groups to be loaded, and late enough
// for a seating plan to be mended until shortly before.
const FreezeBeforeSale = 10 * time.Minute

// FreezeDue says whether the layout is to be marked as the one that is sold. Nothing lifts the mark, whatever the times say
// later: regrouped seats would be sold twice.
func (c Concert) FreezeDue(now contracts.Instant) bool {
	return c.LayoutFrozen == 0 && now >= c.OnSaleAt.Add(-FreezeBeforeSale)
}

// AwaitsMark says whether a sale should be open and is not, because its layout has no mark yet. The mark is set at any moment.
func (c Concert) AwaitsMark(now contracts.Instant) bool {
	return c.CancelledAt == 0 && now >= c.OnSaleAt && now < c.OffSaleAt && c.LayoutFrozen != c.LayoutVersion
}

// SaleState is where a concert is in its sale.
type SaleState string

// States of a sale.
const (
	SaleScheduled SaleState = "scheduled"
	SaleOpen      SaleState = "on_sale"
	SaleOver      SaleState = "over"
	SaleCancelled SaleState = "cancelled"
)

// Sale is the state at an instant: on sale from OnSaleAt (inclusive) to OffSaleAt (exclusive), with a frozen layout, unless it
// was cancelled, whatever the times say.
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
