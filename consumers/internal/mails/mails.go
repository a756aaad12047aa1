// Package mails makes the mails to buyers: what they say, in which language, and their bytes. It is pure: times, links and rows are
// given.
//
// Every text is in texts.json. A text is written once for plain text and HTML; what it shows of accounts and concerts is escaped for
// each. No mail has a ticket's code, a PDF or a secret of a payment: a mail is read by others, and is forwarded.
package mails

import (
	"crypto/sha256"
	"encoding/hex"
	"net/mail"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/orderview"
	"boxoffice/contracts/readmodel"
)

// Kind is what a mail is about. It is an entry of texts.json.
type Kind string

// Kinds of mails. ConcertChanged, ConcertCancelled and OrderRefunded have texts, and nothing that causes them yet.
const (
	ConfirmAddress   Kind = "confirm-address"
	ResetPassword    Kind = "reset-password"
	OrderConfirmed   Kind = "order-confirmed"
	PaymentFailed    Kind = "payment-failed"
	HoldEnded        Kind = "hold-ended"
	OrderFailed      Kind = "order-failed"
	OrderCancelled   Kind = "order-cancelled"
	OrderRevoked     Kind = "order-revoked"
	OrderRefunded    Kind = "order-refunded"
	ConcertChanged   Kind = "concert-changed"
	ConcertCancelled Kind = "concert-cancelled"
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{
		ConfirmAddress, ResetPassword, OrderConfirmed, PaymentFailed, HoldEnded, OrderFailed, OrderCancelled, OrderRevoked,
		OrderRefunded, ConcertChanged, ConcertCancelled,
	}
}

// Mail is a mail that is ready to be sent.
type Mail struct {
	// Effect is the logical id of the mail (readmodel.MailEffect, readmodel.LinkEffect). The same mail has the same one however often
	// it is made.
	Effect string
	Kind   Kind
	// Account is the id of the account that the mail is for.
	Account string
	// From and To are the addresses of the envelope.
	From, To string
	// Raw is the mail in the form of RFC 5322: headers, a plain and an HTML version, and attachments.
	Raw []byte
}

// Hash is a text of 32 hexadecimal digits that is different for each effect and shows nothing of it.
func (m Mail) Hash() string { return hashOf(m.Effect) }

func hashOf(effect string) string {
	sum := sha256.Sum256([]byte(effect))
	return hex.EncodeToString(sum[:16])
}

// Sender is who mails come from.
type Sender struct {
	From mail.Address
	// Site is the origin of the site: scheme, host and port. Its host is in the ids of mails.
	Site string
}

// Content is what a mail says.
type Content struct {
	Kind Kind
	// User is the owner of the account.
	User readmodel.User
	// Link is where the mail's button leads, "" for none.
	Link string
	// Order is what the mail is about; nil for a mail about an account. The mail of a confirmed order has its calendar entry.
	Order *Order
}

// Order is an order in a mail.
type Order struct {
	Row     readmodel.Order
	Concert readmodel.Concert
	Seats   []Seat
}

// Seat is a seat with where it is.
type Seat struct {
	Name  string
	Place orderview.Place
}

// SeatsOf returns the seats of a row. Without a layout they have their names alone.
func SeatsOf(row readmodel.Order, layout []readmodel.LayoutGroup) []Seat {
	seats := make([]Seat, len(row.Seats))
	for i, name := range row.Seats {
		seats[i] = Seat{Name: name, Place: orderview.PlaceOf(name, row.Group, layout)}
	}
	return seats
}

// OrderPage returns the address of an order's page.
func OrderPage(site string, id contracts.OrderID) string { return site + "/orders/" + string(id) }

// Make returns the mail of a content. at becomes its date. The error contains nothing of the content.
func (s Sender) Make(effect string, c Content, at time.Time) (Mail, error) {
	to, err := addressOf(c.User)
	if err != nil {
		return Mail{}, err
	}
	text, err := textOf(c)
	if err != nil {
		return Mail{}, err
	}
	m := Mail{Effect: effect, Kind: c.Kind, Account: c.User.UserID, From: s.From.Address, To: to.Address}
	var calendar []byte
	if c.Kind == OrderConfirmed && c.Order != nil {
		calendar = s.calendarOf(c, at)
	}
	m.Raw, err = s.raw(m, to, text, calendar, at)
	return m, err
}
