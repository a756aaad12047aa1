package queries

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/httpapi"
)

// ordersURL is where the home Region of a concert takes orders; with one Region it is this API.
const ordersURL = "/api/orders"

type concertView struct {
	ID       string            `json:"id"`
	Title    string            `json:"title"`
	Artist   string            `json:"artist"`
	Genre    string            `json:"genre"`
	City     string            `json:"city"`
	Venue    string            `json:"venue"`
	TimeZone string            `json:"timeZone"`
	StartsAt contracts.Instant `json:"startsAt"`
	// DoorsAt is omitted if nobody has said so.
	DoorsAt       *contracts.Instant  `json:"doorsAt,omitempty"`
	OnSaleAt      contracts.Instant   `json:"onSaleAt"`
	OffSaleAt     contracts.Instant   `json:"offSaleAt"`
	Status        readmodel.SaleState `json:"status"`
	PriceFrom     contracts.Money     `json:"priceFrom"`
	LayoutVersion int                 `json:"layoutVersion"`
	HoldSeconds   int                 `json:"holdSeconds"`
	// Available is omitted unless the concert is on sale and its seats were counted lately.
	Available *availableView `json:"available,omitempty"`
	Poster    *posterView    `json:"poster,omitempty"`
}

// availableView has the free seats in steps of a twentieth of the total (readmodel.SeatCount.Bucketed).
type availableView struct {
	Free  int `json:"free"`
	Total int `json:"total"`
}

type posterView struct {
	Tone int `json:"tone"`
}

type concertDetailView struct {
	concertView
	Description   string           `json:"description"`
	Tiers         []readmodel.Tier `json:"tiers"`
	LimitPerOrder int              `json:"limitPerOrder"`
	LimitPerBuyer int              `json:"limitPerBuyer"`
	// Rules are the rules of POST /api/orders that a page explains before a buyer meets them.
	Rules     rulesView `json:"rules"`
	OrdersURL string    `json:"ordersUrl"`
}

type rulesView struct {
	// NoSingleSeat says that no order may leave a single seat.
	NoSingleSeat bool `json:"noSingleSeat"`
	// AccessibleReleaseAt is omitted if accessible places are reserved to the end of the sale.
	AccessibleReleaseAt *contracts.Instant `json:"accessibleReleaseAt,omitempty"`
	// RefundUntil is omitted if tickets cannot be returned.
	RefundUntil *contracts.Instant `json:"refundUntil,omitempty"`
}

func rulesOf(c readmodel.Concert) rulesView {
	return rulesView{NoSingleSeat: c.NoSingleSeat, AccessibleReleaseAt: optional(c.AccessibleReleaseAt), RefundUntil: optional(c.RefundUntil)}
}

// optional returns nil for an instant that a row does not have.
func optional(at contracts.Instant) *contracts.Instant {
	if at == 0 {
		return nil
	}
	return &at
}

// dearestFirst returns the tiers by price; those of one price keep their order.
func dearestFirst(tiers []readmodel.Tier) []readmodel.Tier {
	sorted := append([]readmodel.Tier{}, tiers...)
	slices.SortStableFunc(sorted, func(a, b readmodel.Tier) int { return cmp.Compare(b.Price.Minor, a.Price.Minor) })
	return sorted
}

func (h Browse) view(c readmodel.Concert, now contracts.Instant, left map[string]readmodel.SeatCount) concertView {
	v := concertView{
		ID: c.ConcertID, Title: c.Title, Artist: c.Artist, Genre: c.Genre, City: c.City, Venue: c.Venue, TimeZone: c.TimeZone,
		StartsAt: c.StartsAt, DoorsAt: optional(c.DoorsAt), OnSaleAt: c.OnSaleAt, OffSaleAt: c.OffSaleAt, Status: c.Sale(now),
		PriceFrom: c.PriceFrom, LayoutVersion: c.LayoutVersion, HoldSeconds: h.HoldSeconds,
	}
	if counted, known := left[c.ConcertID]; known && v.Status == readmodel.SaleOpen {
		if shown, ok := counted.Bucketed(); ok {
			v.Available = &availableView{Free: shown.Free, Total: shown.Total}
		}
	}
	if c.PosterTone != nil {
		v.Poster = &posterView{Tone: *c.PosterTone}
	}
	return v
}

// catalogueAge bounds how long a browser or edge may keep a catalogue answer in which no status is about to change.
const catalogueAge = 10 * time.Second

// ageBeforeMark is catalogueAge of a concert whose sale waits for the mark of its layout.
const ageBeforeMark = time.Second

// cached lets an answer about concerts be kept for catalogueAge, but never past the next change of a status in it: an answer from
// before the sale must not make an open sale look closed. A sale that waits for the mark of its layout has no known instant of
// opening, so it is kept for ageBeforeMark.
func cached(now contracts.Instant, concerts ...readmodel.Concert) httpapi.Headers {
	age := catalogueAge
	for _, c := range concerts {
		if c.AwaitsMark(now) {
			age = min(age, ageBeforeMark)
		}
		for _, at := range []contracts.Instant{c.OnSaleAt, c.OffSaleAt} {
			if at > now {
				age = min(age, at.Sub(now))
			}
		}
	}
	// Whole seconds, rounded down: at the end of the last one the status differs.
	return httpapi.Headers{"Cache-Control": "public, max-age=" + strconv.FormatInt(int64(age/time.Second), 10)}
}
