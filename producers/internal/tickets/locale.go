package tickets

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/ticketpdf"
)

// Languages of files.
var languages = language.NewMatcher([]language.Tag{language.English, language.German})

// languageOf returns "de" if a browser prefers German to English, and otherwise "en".
func languageOf(acceptLanguage string) string {
	tags, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil || len(tags) == 0 {
		return ticketpdf.English
	}
	if _, i, _ := languages.Match(tags...); i == 1 {
		return ticketpdf.German
	}
	return ticketpdf.English
}

// letterRegions print on Letter; all others on A4.
var letterRegions = []string{"US", "CA", "MX", "PH", "CL", "CO", "CR", "GT", "NI", "PA", "SV", "VE", "PR", "DO", "BO", "HN"}

// paperOf returns the paper that a query asks for, or else the usual one of the region that a browser names first. A browser that
// names no region gets A4, since English alone is no region. The error is a *Problem.
func paperOf(query map[string]string, acceptLanguage string) (ticketpdf.Paper, error) {
	asked, there := query["paper"]
	switch {
	case asked == "letter":
		return ticketpdf.Letter, nil
	case asked == "a4":
		return ticketpdf.A4, nil
	case there:
		return 0, httpapi.NewProblem(httpapi.CodeInvalidFilter, "paper is a4 or letter.")
	}
	tags, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil || len(tags) == 0 {
		return ticketpdf.A4, nil
	}
	if region, confidence := tags[0].Region(); confidence == language.Exact && slices.Contains(letterRegions, region.String()) {
		return ticketpdf.Letter, nil
	}
	return ticketpdf.A4, nil
}

// words are the few words of a calendar entry.
type words struct{ row, seatWord, place string }

func wordsOf(locale string) words {
	if locale == ticketpdf.German {
		return words{"Reihe", "Platz", "Stehplatz"}
	}
	return words{"row", "seat", "standing place"}
}

// seat says where a ticket is for, as "stalls, row 3, seat 8".
func (w words) seat(t ticket) string {
	if t.SeatNumber == 0 {
		return t.Seat
	}
	parts := []string{}
	if t.SectionName != "" {
		parts = append(parts, t.SectionName)
	}
	switch {
	case t.area:
		parts = append(parts, fmt.Sprintf("%s %d", w.place, t.SeatNumber))
	case t.Row != "":
		parts = append(parts, w.row+" "+t.Row, fmt.Sprintf("%s %d", w.seatWord, t.SeatNumber))
	default:
		parts = append(parts, fmt.Sprintf("%s %d", w.seatWord, t.SeatNumber))
	}
	return strings.Join(parts, ", ")
}
