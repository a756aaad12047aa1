package ticketpdf

import (
	"fmt"
	"time"
)

// Languages of a document.
const (
	English = "en"
	German  = "de"
)

// words are the texts of a page in one language.
type words struct {
	ticket, of, section, row, seat, place, when, doors, where, holder, order, number, cancelled, note, code string
	months                                                                                                  [12]string
	days                                                                                                    [7]string
}

var english = words{
	ticket: "Ticket", of: "of", section: "Section", row: "Row", seat: "Seat", place: "Standing place", when: "Begins", doors: "Doors open", where: "Where",
	holder: "Holder", order: "Order", number: "Ticket number", cancelled: "This concert was cancelled. The ticket admits nobody.",
	note:   "The code admits one person, once. Show it on paper or on a screen, and show it to nobody else before: whoever comes first with it is let in.",
	code:   "Code for the gate",
	months: [12]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
	days:   [7]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
}

var german = words{
	ticket: "Ticket", of: "von", section: "Bereich", row: "Reihe", seat: "Platz", place: "Stehplatz", when: "Beginn", doors: "Einlass", where: "Ort",
	holder: "Inhaber", order: "Bestellung", number: "Ticketnummer", cancelled: "Dieses Konzert wurde abgesagt. Das Ticket gilt nicht mehr.",
	note:   "Der Code gilt für eine Person und einmal, auf Papier oder auf einem Bildschirm. Zeigen Sie ihn vorher niemandem: Wer zuerst mit ihm kommt, wird eingelassen.",
	code:   "Code für den Einlass",
	months: [12]string{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"},
	days:   [7]string{"Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"},
}

func wordsOf(language string) words {
	if language == German {
		return german
	}
	return english
}

// date returns the day of an instant in the document's language.
func (d Document) date(t time.Time) string {
	w := wordsOf(d.Language)
	day, month := w.days[t.Weekday()], w.months[t.Month()-1]
	switch {
	case d.Language == German:
		return fmt.Sprintf("%s, %d. %s %d", day, t.Day(), month, t.Year())
	case d.Paper == Letter:
		return fmt.Sprintf("%s, %s %d, %d", day, month, t.Day(), t.Year())
	default:
		return fmt.Sprintf("%s, %d %s %d", day, t.Day(), month, t.Year())
	}
}

// clock returns the time of an instant at the venue.
func (d Document) clock(t time.Time) string {
	switch {
	case d.Language == German:
		return t.Format("15:04") + " Uhr"
	case d.Paper == Letter:
		return t.Format("3:04 PM")
	default:
		return t.Format("15:04")
	}
}

// zone names the time zone of an instant, as "Europe/Vienna, UTC+2".
func zone(t time.Time) string {
	_, seconds := t.Zone()
	sign := '+'
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	offset := fmt.Sprintf("UTC%c%d", sign, seconds/3600)
	if seconds == 0 {
		offset = "UTC"
	}
	if minutes := seconds / 60 % 60; minutes != 0 {
		offset += fmt.Sprintf(":%02d", minutes)
	}
	if name := t.Location().String(); name != "UTC" {
		return name + ", " + offset
	}
	return offset
}
