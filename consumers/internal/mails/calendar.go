package mails

import (
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/icalendar"
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
	return []byte(icalendar.EventOf(c.Order.Row, concert, zone, contracts.InstantOf(at), lines, c.Link).Encode())
}
