package message

import (
	"errors"

	"boxoffice/contracts"
)

// KindPaymentAuthorized says that the buyer's bank has authorised the amount of an order. Cause: Stripe's event
// payment_intent.amount_capturable_updated, or a CheckPayment that found the authorisation. Handler: consumers/internal/commit.
const KindPaymentAuthorized Kind = "PaymentAuthorized"

// PaymentAuthorized is version 1. It has the facts of the PaymentIntent that the handler compares with the row.
type PaymentAuthorized struct {
	OrderID   contracts.OrderID `json:"orderId"`
	ConcertID string            `json:"concertId"`
	Group     string            `json:"group"`
	// EventID is the id of Stripe's event or of the check. It identifies the cause for deduplication. 1 to 48 of A-Z a-z 0-9 _.
	EventID         string          `json:"eventId"`
	PaymentIntentID string          `json:"paymentIntentId"`
	Amount          contracts.Money `json:"amount"`
	// Mode is the mode of the PaymentIntent.
	Mode PaymentMode `json:"mode"`
}

// PaymentMode says whether real money moves.
type PaymentMode string

// Modes of Stripe's keys and objects. In ModeTest no money moves.
const (
	ModeLive PaymentMode = "live"
	ModeTest PaymentMode = "test"
)

// ParsePaymentMode reads the value of PAYMENT_MODE: live or test. The error does not contain the text.
func ParsePaymentMode(text string) (PaymentMode, error) {
	if m := PaymentMode(text); m == ModeLive || m == ModeTest {
		return m, nil
	}
	return "", errors.New("PAYMENT_MODE is neither live nor test")
}

// ModeOf returns the mode of a Stripe object whose member livemode is live.
func ModeOf(live bool) PaymentMode {
	if live {
		return ModeLive
	}
	return ModeTest
}

// Kind implements Message.
func (PaymentAuthorized) Kind() Kind   { return KindPaymentAuthorized }
func (PaymentAuthorized) version() int { return 1 }

// SeatGroup is the seat group in whose order the message is handled. Its authorisations decide, one after another, which order
// owns a seat.
func (m PaymentAuthorized) SeatGroup() contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: m.ConcertID, Group: m.Group}
}

// Route implements Message.
func (m PaymentAuthorized) Route() Route {
	return Route{Queue: QueueAuthorizations, Group: m.SeatGroup().Key(), DeduplicationID: deduplicationID(m.OrderID, KindPaymentAuthorized, m.EventID)}
}

func (m PaymentAuthorized) attributes() Attributes {
	return Attributes{OrderID: m.OrderID, ConcertID: m.ConcertID, Group: m.Group}
}

// Validate implements Message.
func (m PaymentAuthorized) Validate() error {
	var p problems
	p.checkOrderID(m.OrderID)
	p.add(m.SeatGroup().Validate())
	p.checkf(validStripeID(m.EventID), "eventId %q is not valid", m.EventID)
	p.checkf(validStripeID(m.PaymentIntentID), "paymentIntentId %q is not valid", m.PaymentIntentID)
	p.checkf(m.Amount.Minor >= 0 && len(m.Amount.Currency) == currencyLength, "amount %d %q is not valid", m.Amount.Minor, m.Amount.Currency)
	p.checkf(m.Mode == ModeLive || m.Mode == ModeTest, "mode %q is not live or test", m.Mode)
	return p.err()
}

// currencyLength is the length of an ISO 4217 code.
const currencyLength = 3
