// Package orderview defines an order as its buyer sees it: the JSON of the API, made of the order's row by one pure function, so
// that every program that shows an order shows the same. It never contains more than the buyer may see, and it contains the
// secret of a payment only if the caller asks for the payment.
package orderview

import (
	"cmp"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seating"
)

// Order is an order as its buyer sees it. Members that do not apply yet are omitted.
type Order struct {
	OrderID   contracts.OrderID `json:"orderId"`
	Version   int               `json:"version"`
	ConcertID string            `json:"concertId,omitempty"`
	// Concert is set in lists, whose orders are of several concerts.
	Concert       *Concert           `json:"concert,omitempty"`
	Status        contracts.Status   `json:"status"`
	Seats         []string           `json:"seats,omitempty"`
	Amount        *contracts.Money   `json:"amount,omitempty"`
	HoldExpiresAt *contracts.Instant `json:"holdExpiresAt,omitempty"`
	// EstimatedWaitSeconds is set while the order is queued.
	EstimatedWaitSeconds *int `json:"estimatedWaitSeconds,omitempty"`
	// PollAfterMs is set until the order is settled. It depends on when it is asked for, so the caller sets it.
	PollAfterMs *int    `json:"pollAfterMs,omitempty"`
	Reason      *Reason `json:"reason,omitempty"`
	// Payment is set while the order awaits payment, if there is something of it to show, and again once it is confirmed, if the card is known. The secret, which lets
	// its holder pay, is in it only while the order awaits payment.
	Payment *Payment `json:"payment,omitempty"`
	// Tickets are set once the order is confirmed.
	Tickets  []Ticket `json:"tickets,omitempty"`
	Timeline []Entry  `json:"timeline,omitempty"`
}

// Payment is, while the order awaits payment, what a browser confirms the payment with, and the error of the last try. From
// CONFIRMED on it is the card that paid.
type Payment struct {
	ClientSecret   string        `json:"clientSecret,omitempty"`
	PublishableKey string        `json:"publishableKey,omitempty"`
	LastError      *PaymentError `json:"lastError,omitempty"`
	Card           *Card         `json:"card,omitempty"`
}

// Card is a card as its owner recognises it.
type Card struct {
	// Brand is Stripe's word, for example visa.
	Brand string `json:"brand"`
	Last4 string `json:"last4"`
}

// PaymentError says why the last card was refused.
type PaymentError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Ticket is a ticket of the order. Its place has no members if the layout is not known.
type Ticket struct {
	ID     contracts.TicketID     `json:"id"`
	Seat   string                 `json:"seat"`
	Status contracts.TicketStatus `json:"status"`
	Place
}

// Place says where a seat is.
type Place struct {
	SectionName string `json:"sectionName,omitempty"`
	Row         string `json:"row,omitempty"`
	// SeatNumber is the number of the seat in its row, from 1.
	SeatNumber int `json:"seatNumber,omitempty"`
}

// Reason says why the order was rejected or revoked.
type Reason struct {
	Code        contracts.Reason     `json:"code"`
	Detail      string               `json:"detail"`
	Seats       []string             `json:"seats,omitempty"`
	Suggestions []seating.Suggestion `json:"suggestions,omitempty"`
}

// Entry is an entry of the timeline.
type Entry struct {
	Status  contracts.Status   `json:"status"`
	Version *int               `json:"version,omitempty"`
	At      *contracts.Instant `json:"at,omitempty"`
	Cause   string             `json:"cause,omitempty"`
}

// Concert is the summary of a concert beside an order.
type Concert struct {
	ID       string            `json:"id"`
	Title    string            `json:"title"`
	Artist   string            `json:"artist"`
	City     string            `json:"city"`
	Venue    string            `json:"venue"`
	TimeZone string            `json:"timeZone"`
	StartsAt contracts.Instant `json:"startsAt"`
}

// With is what a view shows beside the row.
type With struct {
	// Layout has the groups of the order's layout version; nil if they are not known.
	Layout []readmodel.LayoutGroup
	// Suggestions are seats that the buyer of a rejected order could have instead.
	Suggestions []seating.Suggestion
	// PublishableKey shows the payment that the order awaits, with this key. With "" it is not shown: a view that anybody but the
	// buyer's browser can read must not have the secret.
	PublishableKey string
	// Payment shows of the payment that the order awaits why the last card was refused, without what is needed to pay.
	Payment bool
	// Card shows the card that paid.
	Card bool
	// Timeline shows the timeline.
	Timeline bool
}

// Of returns the view of a row. It shares the row's slices, which must not change.
func Of(row readmodel.Order, with With) Order {
	v := Order{
		OrderID: row.OrderID, Version: row.Version, ConcertID: row.ConcertID, Status: row.Status, Seats: row.Seats, Amount: row.Amount,
	}
	if row.HoldExpiresAt != 0 {
		v.HoldExpiresAt = &row.HoldExpiresAt
	}
	if row.Reason != nil {
		v.Reason = &Reason{Code: row.Reason.Code, Detail: row.Reason.Code.Detail(), Seats: row.Reason.Seats, Suggestions: with.Suggestions}
	}
	switch p := row.Payment; {
	case row.Status == contracts.AwaitingPayment && p != nil && (with.PublishableKey != "" || with.Payment):
		v.Payment = awaitedOf(*p, with.PublishableKey)
	case row.Status == contracts.Confirmed || row.Status == contracts.Refunded:
		if with.Card && p != nil && p.Card != nil && p.Card.Valid() {
			v.Payment = &Payment{Card: &Card{Brand: p.Card.Brand, Last4: p.Card.Last4}}
		}
	}
	if row.Status == contracts.Confirmed {
		v.Tickets = TicketsOf(row, with.Layout)
	}
	if with.Timeline {
		v.Timeline = timelineOf(row)
	}
	return v
}

// awaitedOf returns what is shown of a payment that is awaited; nil if that is nothing. Only with a key it has the secret.
func awaitedOf(p readmodel.Payment, publishableKey string) *Payment {
	var shown Payment
	if publishableKey != "" {
		shown.ClientSecret, shown.PublishableKey = p.ClientSecret, publishableKey
	}
	if e := p.LastError; e != nil {
		shown.LastError = &PaymentError{Code: e.Code, Message: e.Message}
	}
	if shown == (Payment{}) {
		return nil
	}
	return &shown
}

// TicketsOf returns the tickets of an order that its buyer has seen, in the order of the seats: of a confirmed order, and of one that
// was refunded. Only this function decides the status of a ticket. Tickets of a committed order are not shown: the money may not
// be taken.
func TicketsOf(row readmodel.Order, layout []readmodel.LayoutGroup) []Ticket {
	var status contracts.TicketStatus
	switch row.Status {
	case contracts.Confirmed:
		status = contracts.TicketValid
	case contracts.Refunded:
		status = contracts.TicketRefunded
	default:
		return nil
	}
	tickets := make([]Ticket, len(row.Seats))
	for i, seat := range row.Seats {
		tickets[i] = Ticket{ID: contracts.TicketIDOf(row.OrderID, seat), Seat: seat, Status: status, Place: PlaceOf(seat, row.Group, layout)}
	}
	return tickets
}

// ConcertOf returns the summary of a concert.
func ConcertOf(c readmodel.Concert) Concert {
	return Concert{ID: c.ConcertID, Title: c.Title, Artist: c.Artist, City: c.City, Venue: c.Venue, TimeZone: c.TimeZone, StartsAt: c.StartsAt}
}

// PlaceOf returns where a seat of a group is; nothing if the layout does not have it. A section without a name, as in a layout that
// was stored before sections had names, is called by its id.
func PlaceOf(seat, group string, layout []readmodel.LayoutGroup) Place {
	for _, g := range layout {
		if g.Group != group {
			continue
		}
		for _, row := range g.Rows {
			for i, s := range row.Seats {
				if s == seat {
					return Place{SectionName: cmp.Or(g.SectionName, g.Section), Row: row.Name, SeatNumber: i + 1}
				}
			}
		}
	}
	return Place{}
}

// timelineOf returns QUEUED at version 0, which no row has, and then the row's history.
func timelineOf(row readmodel.Order) []Entry {
	zero := 0
	timeline := []Entry{{Status: contracts.Queued, Version: &zero, At: &row.AcceptedAt}}
	for _, e := range row.History {
		timeline = append(timeline, Entry{Status: e.Status, Version: &e.Version, At: &e.At, Cause: e.Cause})
	}
	return timeline
}
