// Package icalendar makes the calendar entry of an order: an .ics file (RFC 5545) with one event and the time zone of its venue.
// The file that a buyer downloads and the one that is attached to a mail are made by this package, so that a calendar takes the
// second for a newer version of the first.
package icalendar

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// NominalDuration is how long a concert blocks a calendar. Nobody says when a concert ends, and a calendar shows an event without
// an end as a moment in which its owner is free.
const NominalDuration = 3 * time.Hour

// MediaType is the Content-Type of the file.
const MediaType = "text/calendar; charset=utf-8"

// Event is what a calendar shows. All texts may be any valid UTF-8.
type Event struct {
	// UID is the same in every version of the event. Of two versions a calendar keeps the one with the higher Sequence, and of
	// two with one Sequence the one with the later Stamp.
	UID      string
	Sequence int
	// Stamp is when this version was made.
	Stamp contracts.Instant
	Start contracts.Instant
	// Zone is the time zone of the venue; its String is the name in the IANA database.
	Zone        *time.Location
	Summary     string
	Location    string
	Description string
	// URL is a page about the event; "" if there is none.
	URL string
	// Cancelled says that the event does not take place.
	Cancelled bool
}

// UIDOf returns the UID of the event of an order. All seats of an order are one event: a calendar would show one for each ticket
// on top of another.
func UIDOf(id contracts.OrderID) string { return string(id) + "@boxoffice" }

// SequenceOf returns the number of an order's event: the version of the order's row, and one more once the concert is cancelled.
// A cancellation is final and a version never falls, so neither does the number.
func SequenceOf(row readmodel.Order, concert readmodel.Concert) int {
	if concert.CancelledAt != 0 {
		return row.Version + 1
	}
	return row.Version
}

// EventOf returns the event of an order: the same for the download and for the mail, at one version of the row. zone is that of the
// concert. seats has a line for each seat in the reader's language, and page is the address of the order's page.
func EventOf(row readmodel.Order, concert readmodel.Concert, zone *time.Location, at contracts.Instant, seats []string, page string) Event {
	return Event{
		UID: UIDOf(row.OrderID), Sequence: SequenceOf(row, concert), Stamp: at, Start: concert.StartsAt, Zone: zone,
		Summary: concert.FullTitle(), Location: concert.Place(), Description: strings.Join(slices.Concat(seats, []string{page}), "\n"), URL: page,
		Cancelled: concert.CancelledAt != 0 || row.Status == contracts.Refunded,
	}
}

// Encode returns the file. It has lines of at most 75 bytes that end in CR LF.
func (e Event) Encode() string {
	var w writer
	w.line("BEGIN", "VCALENDAR")
	w.line("VERSION", "2.0")
	w.line("PRODID", "-//Boxoffice//Tickets//EN")
	w.line("CALSCALE", "GREGORIAN")
	w.line("METHOD", "PUBLISH")
	start := e.Start.Time().In(e.Zone)
	name := e.Zone.String()
	twice := isTwice(start)
	if !twice {
		w.timeZone(name, start)
	}
	w.line("BEGIN", "VEVENT")
	w.line("UID", text(e.UID))
	w.line("SEQUENCE", strconv.Itoa(e.Sequence))
	w.line("DTSTAMP", utc(e.Stamp.Time()))
	if twice {
		w.line("DTSTART", utc(e.Start.Time()))
	} else {
		w.line("DTSTART;TZID="+parameter(name), local(start))
	}
	// A duration of hours is exact, also over a change of the clocks.
	w.line("DURATION", fmt.Sprintf("PT%dM", int(NominalDuration.Minutes())))
	w.line("SUMMARY", text(e.Summary))
	if e.Location != "" {
		w.line("LOCATION", text(e.Location))
	}
	if e.Description != "" {
		w.line("DESCRIPTION", text(e.Description))
	}
	if e.URL != "" {
		w.line("URL", clean(e.URL))
	}
	if e.Cancelled {
		w.line("STATUS", "CANCELLED")
		w.line("TRANSP", "TRANSPARENT")
	} else {
		w.line("STATUS", "CONFIRMED")
		w.line("TRANSP", "OPAQUE")
	}
	w.line("END", "VEVENT")
	w.line("END", "VCALENDAR")
	return w.String()
}

// isTwice reports whether the local time of t is two instants, because clocks are set back. A TZID then means the first in RFC 5545,
// and programs read either.
func isTwice(t time.Time) bool {
	begin, end := t.ZoneBounds()
	back := func(change time.Time) time.Duration {
		return time.Duration(offset(change.Add(-time.Nanosecond))-offset(change)) * time.Second
	}
	return !begin.IsZero() && t.Sub(begin) < back(begin) || !end.IsZero() && end.Sub(t) <= back(end)
}

// changesAfter is how many changes of the clocks after an event are in the file: a concert that is moved by its reader's hand, or
// compared with others, stays in a known zone.
const changesAfter = 2

// timeZone writes the VTIMEZONE with the offset that is in force at the event and the next changes of it.
func (w *writer) timeZone(name string, at time.Time) {
	w.line("BEGIN", "VTIMEZONE")
	w.line("TZID", text(name))
	begin, end := at.ZoneBounds()
	if begin.IsZero() {
		w.observance(at, time.Date(1970, 1, 1, 0, 0, 0, 0, at.Location()), offset(at))
	} else {
		w.observance(at, begin, offset(begin.Add(-time.Nanosecond)))
	}
	for n := 0; n < changesAfter && !end.IsZero(); n++ {
		from := offset(end.Add(-time.Nanosecond))
		next := end
		_, end = next.ZoneBounds()
		w.observance(next, next, from)
	}
	w.line("END", "VTIMEZONE")
}

// observance writes the offset of at, which is in force from onset on. from is the offset before.
func (w *writer) observance(at, onset time.Time, from int) {
	kind := "STANDARD"
	if at.IsDST() {
		kind = "DAYLIGHT"
	}
	abbreviation, to := at.Zone()
	w.line("BEGIN", kind)
	// The onset in the local time before it.
	w.line("DTSTART", local(onset.In(time.FixedZone("", from))))
	w.line("TZOFFSETFROM", offsetText(from))
	w.line("TZOFFSETTO", offsetText(to))
	w.line("TZNAME", text(abbreviation))
	w.line("END", kind)
}

func offset(t time.Time) int {
	_, seconds := t.Zone()
	return seconds
}

// offsetText returns an offset as ±hhmm, with seconds where there are any.
func offsetText(seconds int) string {
	sign := '+'
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	s := fmt.Sprintf("%c%02d%02d", sign, seconds/3600, seconds/60%60)
	if seconds%60 != 0 {
		s += fmt.Sprintf("%02d", seconds%60)
	}
	return s
}

func utc(t time.Time) string   { return t.UTC().Format("20060102T150405Z") }
func local(t time.Time) string { return t.Format("20060102T150405") }

// clean removes control characters, with which a text could end its line.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
}

// text escapes a value of the type TEXT.
func text(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`).Replace(clean(line))
	}
	return strings.Join(lines, `\n`)
}

// parameter removes what a parameter's value cannot have without quotes.
func parameter(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`":;,`, r) {
			return -1
		}
		return r
	}, clean(s))
}

// maxLine is the length of a line in bytes without its end.
const maxLine = 75

type writer struct{ strings.Builder }

// line writes a property, folded between characters.
func (w *writer) line(name, value string) {
	rest := name + ":" + value
	limit := maxLine
	for len(rest) > limit {
		cut := limit
		for !utf8.RuneStart(rest[cut]) {
			cut--
		}
		w.WriteString(rest[:cut] + "\r\n ")
		rest = rest[cut:]
		// The space at the beginning of a continuation counts.
		limit = maxLine - 1
	}
	w.WriteString(rest + "\r\n")
}
