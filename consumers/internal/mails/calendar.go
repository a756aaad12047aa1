package mails

import (
	"strings"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/icalendar"
	"boxoffice/contracts/readmodel"
)

// calendarOf returns the calendar entry of an order, in the language of its buyer: the file that the page of the order offers too.
func (s Sender) calendarOf(c Content, at time.Time) []byte {
	concert := c.Order.Concert
	zone, err := time.LoadLocation(concert.TimeZone)
	if err != nil {
		zone = time.UTC // the entry names it
	}
	_, l := localeOf(c.User.Locale)
	var lines []string
	for _, seat := range c.Order.Seats {
		lines = append(lines, l.Words.seat(seat))
	}
	event := icalendar.Event{
		UID: icalendar.UIDOf(c.Order.Row.OrderID), Sequence: icalendar.SequenceOf(c.Order.Row, concert), Stamp: contracts.InstantOf(at), Start: concert.StartsAt, Zone: zone,
		Summary: summaryOf(concert), Location: placeOf(concert), Description: strings.Join(append(lines, c.Link), "\n"), URL: c.Link,
		Cancelled: concert.CancelledAt != 0,
	}
	return []byte(event.Encode())
}

// summaryOf returns the names of a concert.
func summaryOf(c readmodel.Concert) string {
	if c.Artist == "" || c.Artist == c.Title {
		return c.Title
	}
	return c.Title + " – " + c.Artist
}

// placeOf returns where a concert is.
func placeOf(c readmodel.Concert) string {
	if c.Venue == "" || c.City == "" {
		return c.Venue + c.City
	}
	return c.Venue + ", " + c.City
}
