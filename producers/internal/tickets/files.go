package tickets

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/icalendar"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/ticketpdf"
)

// PDF answers GET /api/orders/{orderId}/tickets.pdf: a page for each valid ticket. The same version of an order and of its concert
// gives the same bytes in one language, on one paper and with one signing key.
func (h Tickets) PDF(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	user, row, err := h.order(ctx, r)
	if err != nil {
		return httpapi.Response{}, err
	}
	query, err := r.Query("paper")
	if err != nil {
		return httpapi.Response{}, err
	}
	paper, err := paperOf(query, r.Header("Accept-Language"))
	if err != nil {
		return httpapi.Response{}, err
	}
	if row.Status != contracts.Confirmed {
		return httpapi.Response{}, notConfirmed(row)
	}
	concert, zone, err := h.concertOf(ctx, row)
	if err != nil {
		return httpapi.Response{}, err
	}
	tickets, unsigned, err := h.of(ctx, row)
	if err != nil {
		return httpapi.Response{}, h.unavailable(ctx, "tickets of an order not read", err)
	}
	if unsigned != nil {
		// A printed ticket without a code would be refused at the gate.
		h.broken(ctx, row, unsigned)
		return httpapi.Response{}, fmt.Errorf("tickets of order %s: %w", row.OrderID, unsigned)
	}
	person := h.person(ctx, user, r)
	document := ticketpdf.Document{
		Language: person.Locale, Paper: paper, OrderID: string(row.OrderID), Made: lastChange(row),
		Concert: ticketpdf.Concert{
			Title: concert.Title, Artist: concert.Artist, Venue: concert.Venue, City: concert.City,
			Starts: concert.StartsAt.Time().In(zone), Cancelled: concert.CancelledAt != 0,
		},
	}
	if concert.DoorsAt != 0 {
		document.Concert.Doors = concert.DoorsAt.Time().In(zone)
	}
	for _, t := range tickets {
		document.Tickets = append(document.Tickets, ticketpdf.Ticket{
			ID: string(t.ID), Code: t.code, Holder: person.Name, Section: t.SectionName, Row: t.Row, Seat: strconv.Itoa(t.SeatNumber), Area: t.area,
		})
	}
	file, err := ticketpdf.Render(document)
	if err != nil {
		return httpapi.Response{}, fmt.Errorf("PDF of order %s: %w", row.OrderID, err)
	}
	return httpapi.File("application/pdf", "tickets-"+string(row.OrderID)+".pdf", file), nil
}

// Calendar answers GET /api/orders/{orderId}/tickets.ics. The event of a refunded order is cancelled, so that a calendar that has it
// removes it.
func (h Tickets) Calendar(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	user, row, err := h.order(ctx, r)
	if err != nil {
		return httpapi.Response{}, err
	}
	if _, err := r.Query(); err != nil {
		return httpapi.Response{}, err
	}
	if row.Status != contracts.Confirmed && row.Status != contracts.Refunded {
		return httpapi.Response{}, notConfirmed(row)
	}
	concert, zone, err := h.concertOf(ctx, row)
	if err != nil {
		return httpapi.Response{}, err
	}
	tickets, _, err := h.of(ctx, row)
	if err != nil {
		return httpapi.Response{}, h.unavailable(ctx, "tickets of an order not read", err)
	}
	words := wordsOf(h.person(ctx, user, r).Locale)
	page := h.SiteURL + "/orders/" + string(row.OrderID)
	var lines []string
	for _, t := range tickets {
		lines = append(lines, words.seat(t))
	}
	event := icalendar.EventOf(row, concert, zone, contracts.InstantOf(h.Now()), lines, page)
	return httpapi.File(icalendar.MediaType, "tickets-"+string(row.OrderID)+".ics", []byte(event.Encode())), nil
}

// concertOf returns the concert of an order and the time zone of its venue.
func (h Tickets) concertOf(ctx context.Context, row readmodel.Order) (readmodel.Concert, *time.Location, error) {
	concert, found, err := h.Catalogue.Concert(ctx, row.ConcertID)
	if err != nil {
		return concert, nil, h.unavailable(ctx, "concert of tickets not read", fmt.Errorf("concert %s: %w", row.ConcertID, err))
	}
	if !found {
		// Concerts are never deleted: the tables do not fit each other, which no repeat mends.
		return concert, nil, fmt.Errorf("concert %s of order %s has no row", row.ConcertID, row.OrderID)
	}
	zone, err := time.LoadLocation(concert.TimeZone)
	if err != nil {
		// The loader refuses such a zone. UTC is named in what is shown, so it is not wrong.
		h.Log.ErrorContext(ctx, "time zone of a concert not known", telemetry.KeyOrder, row.OrderID, telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
		zone = time.UTC
	}
	return concert, zone, nil
}

// person returns the name of the buyer and the language in which a file is written: that of the account, or of the request if the
// account is not known. A file is made without a name rather than not at all.
func (h Tickets) person(ctx context.Context, user string, r httpapi.Request) readmodel.Person {
	person, _, err := h.People.Person(ctx, user)
	if err != nil {
		h.Log.WarnContext(ctx, "holder of tickets not read", telemetry.KeyError, err.Error(), telemetry.KeyTrace, telemetry.Trace(ctx))
	}
	person.Locale = cmp.Or(person.Locale, languageOf(r.Header("Accept-Language")))
	return person
}

// lastChange is when the row became what it is.
func lastChange(row readmodel.Order) time.Time {
	if len(row.History) == 0 {
		return row.AcceptedAt.Time()
	}
	return row.History[len(row.History)-1].At.Time()
}
