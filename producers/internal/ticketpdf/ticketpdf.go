// Package ticketpdf prints the tickets of an order: a PDF with a page for each ticket, in black on white. It carries its fonts, and
// prints every name that they have glyphs for; what they do not have, and scripts that need shaping, are printed in Latin letters.
// It is pure: the same document gives the same bytes.
package ticketpdf

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"codeberg.org/go-pdf/fpdf"
)

// Paper is the size of a page.
type Paper int

// Papers.
const (
	A4 Paper = iota
	Letter
)

// Document is what is printed. All texts may be any UTF-8 of any length.
type Document struct {
	// Language is English or German.
	Language string
	Paper    Paper
	OrderID  string
	// Made is written into the document as its date: when the order became what is printed.
	Made    time.Time
	Concert Concert
	Tickets []Ticket
}

// Concert is what all tickets of a document are for.
type Concert struct {
	Title, Artist, Venue, City string
	// Starts and Doors are in the time zone of the venue. Doors is zero if nobody has said when they open.
	Starts, Doors time.Time
	Cancelled     bool
}

// Ticket is one page.
type Ticket struct {
	ID string
	// Code is the text of the QR code, of base45 characters.
	Code string
	// Holder is the name of the person who has the ticket; "" if it is not known.
	Holder             string
	Section, Row, Seat string
	// Area says that Seat is a place in a standing area.
	Area bool
}

var errNoTickets = errors.New("a document needs a ticket")

// Render returns the PDF. It takes some ten milliseconds of a processor for ten tickets, and five times that if a text has
// characters of East Asia (go test -bench Render).
func Render(d Document) ([]byte, error) {
	if len(d.Tickets) == 0 {
		return nil, errNoTickets
	}
	size := "A4"
	if d.Paper == Letter {
		size = "Letter"
	}
	pdf := fpdf.NewCustom(&fpdf.InitType{OrientationStr: "P", UnitStr: "mm", SizeStr: size})
	// Otherwise the resources are in the order of a map, and the dates are those of the clock.
	pdf.SetCatalogSort(true)
	pdf.SetCreationDate(d.Made.UTC())
	pdf.SetModificationDate(d.Made.UTC())
	pdf.SetProducer("Boxoffice", true)
	pdf.SetCreator("Boxoffice", true)
	pdf.SetTitle(clean(d.Concert.Title), true)
	pdf.SetLang(d.Language)
	pdf.SetAutoPageBreak(false, 0)
	pdf.SetMargins(0, 0, 0)
	s := &sheet{pdf: pdf, loaded: map[*face]bool{}, advances: map[glyph]float64{}}
	for i := range d.Tickets {
		pdf.AddPage()
		d.page(s, i)
	}
	if s.err != nil {
		return nil, s.err
	}
	var file bytes.Buffer
	if err := pdf.Output(&file); err != nil {
		return nil, fmt.Errorf("PDF: %w", err)
	}
	return file.Bytes(), nil
}

// Measures of a page in mm.
const (
	margin   = 18.0
	codeSize = 74.0
	gap      = 8.0
	// footHeight is kept free at the end of the page.
	footHeight = 34.0
)

func (d Document) page(s *sheet, n int) {
	w, t, c := wordsOf(d.Language), d.Tickets[n], d.Concert
	width, height := s.pdf.GetPageSize()
	right, inner := width-margin, width-2*margin

	s.text(margin, 22, bold, 11, "BOXOFFICE")
	s.right(right, 22, sans, 10, fmt.Sprintf("%s %d %s %d", w.ticket, n+1, w.of, len(d.Tickets)))
	s.rule(margin, 26, right)

	y := s.block(margin, 30, inner, bold, 28, 15, 3, c.Title)
	if c.Artist != "" && c.Artist != c.Title {
		y = s.block(margin, y+2, inner, sans, 15, 11, 2, c.Artist)
	}
	if c.Cancelled {
		s.pdf.SetLineWidth(0.8)
		s.pdf.Rect(margin, y+5, inner, 14, "D")
		s.block(margin+4, y+8, inner-8, bold, 13, 9, 1, w.cancelled)
		y += 21
	}

	// The code at the right, and beside it when, where and who.
	y += 10
	left := inner - codeSize - gap
	s.code(right-codeSize, y, codeSize, t.Code)
	s.center(right-codeSize/2, y+codeSize+4, 9, w.code)
	at := s.fact(y, left, w.when, d.date(c.Starts))
	at = s.block(margin, at, left, bold, 13, 9, 1, d.clock(c.Starts))
	at = s.block(margin, at+1, left, sans, 9, 7, 2, zone(c.Starts))
	if !c.Doors.IsZero() {
		doors := d.clock(c.Doors)
		if c.Doors.YearDay() != c.Starts.YearDay() || c.Doors.Year() != c.Starts.Year() {
			doors = d.date(c.Doors) + ", " + doors
		}
		at = s.fact(at+5, left, w.doors, doors)
	}
	where := c.Venue
	if c.City != "" && where != "" {
		where += ", "
	}
	at = s.fact(at+5, left, w.where, where+c.City)
	if t.Holder != "" {
		s.fact(at+5, left, w.holder, t.Holder)
	}

	d.place(s, margin, y+codeSize+12, inner, t)

	foot := height - footHeight
	s.rule(margin, foot, right)
	at = s.block(margin, foot+3, inner, sans, 9, 7, 3, w.note)
	s.text(margin, at+6, sans, 8, w.order+" "+d.OrderID)
	s.text(margin, at+10, sans, 8, w.number+" "+t.ID)
}

// place prints the seat in boxes, large enough to be read by an usher in the dark.
func (d Document) place(s *sheet, x, y, width float64, t Ticket) {
	w := wordsOf(d.Language)
	type box struct{ label, value string }
	boxes := []box{{w.section, t.Section}}
	if t.Row != "" && !t.Area {
		boxes = append(boxes, box{w.row, t.Row})
	}
	if t.Area {
		boxes = append(boxes, box{w.place, t.Seat})
	} else {
		boxes = append(boxes, box{w.seat, t.Seat})
	}
	// The name of a section is longer than a number.
	const small, high = 38.0, 24.0
	s.pdf.SetLineWidth(0.4)
	for i, b := range boxes {
		wide := small
		if i == 0 {
			wide = width - small*float64(len(boxes)-1)
		}
		s.pdf.Rect(x, y, wide, high, "D")
		s.text(x+3, y+6, sans, 9, b.label)
		s.block(x+3, y+8, wide-6, bold, 24, 9, 1, b.value)
		x += wide
	}
}
