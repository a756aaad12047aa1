package message

import (
	"errors"

	"boxoffice/contracts"
)

// KindPaymentAuthorized says that the amount of an order was put aside at the buyer's bank. Cause: Stripe's event
// payment_intent.amount_capturable_updated, or a CheckPayment that found as much. Handler: consumers/internal/commit.
const KindPaymentAuthorized Kind = "PaymentAuthorized"

// PaymentAuthorized is version 1. Of the PaymentIntent it has what is compared with the row.
type PaymentAuthorized struct {
	OrderID   contracts.OrderID `json:"orderId"`
	ConcertID string            `json:"concertId"`
	Group     string            `json:"group"`
	// EventID is Stripe's, or names the check: the cause, for deduplication. 1 to 48 of A-Z a-z 0-9 _.
	EventID         string          `json:"eventId"`
	PaymentIntentID string          `json:"paymentIntentId"`
	Amount          contracts.Money `json:"amount"`
	// Mode is live or test.
	Mode PaymentMode `json:"mode"`
}

// PaymentMode says whether money moves.
type PaymentMode string

// Modes of Stripe's keys and objects.
const (
	ModeLive PaymentMode = "live"
	ModeTest PaymentMode = "test"
)

// ParsePaymentMode reads a mode as it is in the environment: live or test, and nothing else. The text is not in the error.
func ParsePaymentMode(text string) (PaymentMode, error) {
	if m := PaymentMode(text); m == ModeLive || m == ModeTest {
		return m, nil
	}
	return "", errors.New("PAYMENT_MODE is neither live nor test")
}

// ModeOf is the mode of an object of Stripe by its member livemode.
func ModeOf(live bool) PaymentMode {
	if live {
		return ModeLive
	}
	return ModeTest
}

// Kind implements Message.
func (PaymentAuthorized) Kind() Kind   { return KindPaymentAuthorized }
func (PaymentAuthorized) version() int { return 1 }

// SeatGroup orders the message: who owns a seat is decided in the order of the authorisations.
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
	p.checkf(validStripeID(m.EventID), "eventId %q is none", m.EventID)
	p.checkf(validStripeID(m.PaymentIntentID), "paymentIntentId %q is none", m.PaymentIntentID)
	p.checkf(m.Amount.Minor >= 0 && len(m.Amount.Currency) == currencyLength, "amount %d %q is none", m.Amount.Minor, m.Amount.Currency)
	p.checkf(m.Mode == ModeLive || m.Mode == ModeTest, "mode %q is not live or test", m.Mode)
	return p.err()
}

// currencyLength is that of an ISO 4217 code.
const currencyLength = 3
