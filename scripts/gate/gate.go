// Package gate checks tickets at the entrance of a concert, offline: with the layout, the keys and the revoked codes of the concert,
// which are fetched beforehand, and one file with the entries of the gate.
package gate

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"boxoffice/contracts"
	"boxoffice/contracts/ticketcode"
)

// Reason is why a code is refused. Programs that read the output may rely on it.
type Reason string

// Reasons.
const (
	// Unreadable: the text is no ticket's, or a part of it is missing.
	Unreadable Reason = "unreadable"
	// UnknownVersion: the ticket has a version that this program does not know.
	UnknownVersion Reason = "unknown_version"
	// UnknownKey: no fetched key has the id in the ticket. The keys may be old.
	UnknownKey Reason = "unknown_key"
	// AnotherConcert: the ticket is genuine, and of another concert.
	AnotherConcert Reason = "another_concert"
	// Forged: the signature is wrong.
	Forged Reason = "forged"
	// UnknownSeat: the ticket is genuine, and its seat is not in the fetched layout. The layout may be of another version.
	UnknownSeat Reason = "unknown_seat"
	// Revoked: the ticket was withdrawn, or it got a new code.
	Revoked Reason = "revoked"
	// AlreadyEntered: somebody has entered with it before, or for its seat with another ticket, of which one is not valid any more.
	AlreadyEntered Reason = "already_entered"
)

// Result is what a gate says about a code.
type Result struct {
	Admitted bool   `json:"admitted"`
	Reason   Reason `json:"reason,omitempty"`
	// Detail is a sentence for the person at the gate.
	Detail string `json:"detail"`
	// Seat is omitted if the ticket is not genuine.
	Seat *Seat `json:"seat,omitempty"`
	// Code identifies the ticket in revocation lists and in files of entries.
	Code *ticketcode.Code `json:"code,omitempty"`
	// First is the entry that was before, if the ticket has been used or its seat been taken.
	First *Entry            `json:"first,omitempty"`
	At    contracts.Instant `json:"at"`
}

// Seat is where the holder of a ticket sits.
type Seat struct {
	Section string `json:"section"`
	Row     string `json:"row,omitempty"`
	// Number is the number in its row, from 1, Name the name of the seat in the layout.
	Number int    `json:"number"`
	Name   string `json:"name"`
	Area   bool   `json:"area,omitempty"`
}

func (s Seat) String() string {
	switch {
	case s.Area:
		return fmt.Sprintf("%s, standing place %d", s.Section, s.Number)
	case s.Row == "":
		return fmt.Sprintf("%s, seat %d", s.Section, s.Number)
	default:
		return fmt.Sprintf("%s, row %s, seat %d", s.Section, s.Row, s.Number)
	}
}

// Gate checks the tickets of one concert. It is not safe for concurrent use: it decides one ticket after another.
type Gate struct {
	data    Data
	entries *Entries
	now     func() time.Time
}

// New makes a gate. now is the clock of entries.
func New(data Data, entries *Entries, now func() time.Time) *Gate { return &Gate{data, entries, now} }

// Use makes the gate decide by newer data of the same concert.
func (g *Gate) Use(data Data) { g.data = data }

// Check decides about what a scanner has sent, and records the entry if the ticket is admitted. The record is on the disk when Check
// returns. An error means that the record could not be written: then nobody was admitted, and the gate must not go on.
func (g *Gate) Check(scanned string) (Result, error) {
	r := Result{At: contracts.InstantOf(g.now())}
	refuse := func(reason Reason, format string, args ...any) (Result, error) {
		r.Reason, r.Detail = reason, fmt.Sprintf(format, args...)
		return r, nil
	}
	text := Text(scanned)
	signed, err := ticketcode.Decode(text)
	var version ticketcode.VersionError
	switch {
	case errors.As(err, &version):
		return refuse(UnknownVersion, "The ticket has version %d, and this program knows version %d.", version.Version, ticketcode.Version)
	case err != nil && len(text) < ticketcode.TextLength:
		return refuse(Unreadable, "Only %d of %d characters: this is no ticket, or a part of its code is missing. Scan it again.", len(text), ticketcode.TextLength)
	case err != nil:
		return refuse(Unreadable, "This is no ticket.")
	}
	key := g.data.Keys[signed.KeyID]
	if key == nil {
		return refuse(UnknownKey, "The ticket names the key %d, and the fetched keys are %v: it is forged, or the keys are old.", signed.KeyID, g.data.Keys.IDs())
	}
	if signed.Verify(key, g.data.Concert.ID) != nil {
		for _, other := range g.data.Others {
			if signed.Verify(key, other.ID) == nil {
				return refuse(AnotherConcert, "The ticket is for %s on %s.", other.Title, other.Day())
			}
		}
		return refuse(Forged, "The ticket is forged, or of a concert that was not on sale when the data was fetched.")
	}
	r.Code = &signed.Code
	seat, found := g.data.Layout.Seat(signed.Seat)
	if !found {
		return refuse(UnknownSeat, "The ticket is genuine, but the layout has no place %d in group %d. Fetch the data again.", signed.Place, signed.Group)
	}
	r.Seat = &seat
	if g.data.Revocations.Has(signed.Code) {
		return refuse(Revoked, "The ticket for %s was withdrawn or has a newer code. Its holder finds the newest under My tickets.", seat)
	}
	if first, before := g.entries.Find(signed.Code); before {
		r.First = &first
		return refuse(AlreadyEntered, "Somebody entered with this ticket at %s, gate %s: %s.", first.At, first.Gate, seat)
	}
	if first, taken := g.entries.FindSeat(seat.Name); taken {
		r.First = &first
		return refuse(AlreadyEntered, "Somebody entered for %s with another ticket at %s, gate %s. One of the two tickets is not valid any more: fetch the list of revoked codes.", seat, first.At, first.Gate)
	}
	if err := g.entries.Add(Entry{Code: signed.Code, At: r.At, Gate: g.entries.Gate, Seat: seat.Name}); err != nil {
		return Result{}, err
	}
	r.Admitted, r.Detail = true, seat.String()+"."
	return r, nil
}

// Text returns the text of a ticket from what a scanner has typed. A scanner may put characters before the code, as the name of the
// symbology ("]Q1"), and white space or control characters (STX, ETX, EOT, NUL) around it, and a keyboard with Caps Lock sends small letters. A ticket has a fixed length, and
// never begins or ends with a space.
func Text(scanned string) string {
	text := strings.ToUpper(strings.TrimFunc(scanned, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }))
	if len(text) > ticketcode.TextLength {
		text = text[len(text)-ticketcode.TextLength:]
	}
	return text
}
