package message

import (
	"strings"

	"boxoffice/contracts"
)

// KindPaymentDeclined says that a card was refused. The order stays open: its buyer can try another card until the hold ends.
// Cause: Stripe's event payment_intent.payment_failed. Handler: consumers/internal/commit.
const KindPaymentDeclined Kind = "PaymentDeclined"

// PaymentDeclined is version 1.
type PaymentDeclined struct {
	OrderID   contracts.OrderID `json:"orderId"`
	ConcertID string            `json:"concertId"`
	Group     string            `json:"group"`
	// EventID is the id of Stripe's event. It identifies the cause for deduplication.
	EventID string `json:"eventId"`
	// At is when Stripe created the event. The buyer sees the latest decline.
	At contracts.Instant `json:"at"`
	// Code is Stripe's decline code, or its error code if there is none. Text is Stripe's sentence for the buyer: 1 to
	// MaxDeclineText characters, without U+FFFE and U+FFFF, which SQS accepts in no message.
	Code string `json:"code"`
	Text string `json:"text"`
}

// Kind implements Message.
func (PaymentDeclined) Kind() Kind   { return KindPaymentDeclined }
func (PaymentDeclined) version() int { return 1 }

// SeatGroup is the seat group in whose order the message is handled.
func (m PaymentDeclined) SeatGroup() contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: m.ConcertID, Group: m.Group}
}

// Route implements Message.
func (m PaymentDeclined) Route() Route {
	return Route{Queue: QueueAuthorizations, Group: m.SeatGroup().Key(), DeduplicationID: deduplicationID(m.OrderID, KindPaymentDeclined, m.EventID)}
}

func (m PaymentDeclined) attributes() Attributes {
	return Attributes{OrderID: m.OrderID, ConcertID: m.ConcertID, Group: m.Group}
}

// MaxDeclineText is the maximum number of characters of PaymentDeclined.Text.
const MaxDeclineText = 200

// Validate implements Message.
func (m PaymentDeclined) Validate() error {
	var p problems
	p.checkOrderID(m.OrderID)
	p.add(m.SeatGroup().Validate())
	p.checkf(validStripeID(m.EventID), "eventId %q is not valid", m.EventID)
	p.checkf(m.At >= 1, "at is %d, want at least 1", m.At)
	p.checkf(validStripeID(m.Code), "code %q is not valid", m.Code)
	p.checkf(m.Text != "" && len([]rune(m.Text)) <= MaxDeclineText, "text has %d characters, want 1 to %d", len([]rune(m.Text)), MaxDeclineText)
	p.checkf(!strings.ContainsAny(m.Text, "\uFFFE\uFFFF"), "text has a character that SQS does not accept")
	return p.err()
}
