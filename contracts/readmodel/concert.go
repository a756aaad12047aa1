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
