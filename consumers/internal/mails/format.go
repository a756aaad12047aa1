package mails

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"boxoffice/contracts"
)

// words are the parts of a locale that are no sentences.
type words struct {
	Weekdays []string `json:"weekdays"` // from Sunday
	Months   []string `json:"months"`
	// Date has {weekday} {day} {month} {year} {time}.
	Date string `json:"date"`
	// Zone has {date} {zone}.
	Zone string `json:"zone"`
	// Seat has {section} {row} {seat}; Area has {section} {seat}.
	Seat string `json:"seat"`
	Area string `json:"area"`
	// Amount has {amount} {currency}, the code of a currency. Signed has the sign of a currency in its place.
	Amount  string `json:"amount"`
	Signed  string `json:"signed"`
	Decimal string `json:"decimal"`
	Group   string `json:"group"`
}

// date returns an instant in the zone of the venue, with the name of the zone: a reader elsewhere must not take it for his own time.
func (w words) date(at contracts.Instant, zone string) string {
	location, err := time.LoadLocation(zone)
	if err != nil {
		location = time.UTC
	}
	t := at.Time().In(location)
	name, _ := t.Zone()
	if strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") {
		name = "UTC" + t.Format("-07:00") // the zone has no abbreviation
	}
	date := replace(w.Date, "weekday", w.Weekdays[t.Weekday()], "day", strconv.Itoa(t.Day()), "month", w.Months[t.Month()-1], "year", strconv.Itoa(t.Year()), "time", t.Format("15:04"))
	return replace(w.Zone, "date", date, "zone", name)
}

// money returns an amount with the digits of its currency.
func (w words) money(m contracts.Money) string {
	exponent := 2
	if c, known := contracts.CurrencyOf(m.Currency); known {
		exponent = c.Exponent
	}
	digits := fmt.Sprintf("%0*d", exponent+1, max(m.Minor, -m.Minor))
	whole, fraction := digits[:len(digits)-exponent], digits[len(digits)-exponent:]
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + w.Group + whole[i:]
	}
	if exponent > 0 {
		whole += w.Decimal + fraction
	}
	text := replace(w.Amount, "amount", whole, "currency", m.Currency)
	if sign, known := signs[m.Currency]; known {
		text = replace(w.Signed, "amount", whole, "currency", sign)
	}
	if m.Minor < 0 {
		text = "-" + text
	}
	return text
}

// signs are those of currencies that no other currency shares in the places where mails are read.
var signs = map[string]string{"EUR": "€", "GBP": "£"}

// seat returns where a seat is, or its name if that is not known.
func (w words) seat(s Seat) string {
	switch {
	case s.Place.SectionName == "":
		return s.Name
	case s.Place.Row == "":
		return replace(w.Area, "section", s.Place.SectionName, "seat", s.Name)
	default:
		return replace(w.Seat, "section", s.Place.SectionName, "row", s.Place.Row, "seat", strconv.Itoa(s.Place.SeatNumber))
	}
}

// replace replaces {name} by the value after the name, in one pass: a value is never searched for names.
func replace(text string, namesAndValues ...string) string {
	for i := 0; i < len(namesAndValues); i += 2 {
		namesAndValues[i] = "{" + namesAndValues[i] + "}"
	}
	return strings.NewReplacer(namesAndValues...).Replace(text)
}
