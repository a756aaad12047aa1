package message

import (
	"strconv"

	"boxoffice/contracts"
)

// KindVoidPayment gives an authorisation back. Cause: an order has ended unpaid, or its authorisation came too late.
// Handler: consumers/internal/pay/void.go.
const KindVoidPayment Kind = "VoidPayment"

// VoidPayment is version 1.
type VoidPayment struct {
	OrderID   contracts.OrderID `json:"orderId"`
	ConcertID string            `json:"concertId"`
	Group     string            `json:"group"`
	// RowVersion is the version of the row that had ended: the cause, for deduplication.
	RowVersion int `json:"rowVersion"`
	// PaymentIntentID is set when the sender knows one, which the row may not name: it then is part of the cause.
	PaymentIntentID string `json:"paymentIntentId,omitempty"`
}

// Kind implements Message.
func (VoidPayment) Kind() Kind   { return KindVoidPayment }
func (VoidPayment) version() int { return 1 }

// SeatGroup of the order.
func (m VoidPayment) SeatGroup() contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: m.ConcertID, Group: m.Group}
}

// Route implements Message.
func (m VoidPayment) Route() Route {
	cause := "v" + strconv.Itoa(m.RowVersion)
	if m.PaymentIntentID != "" {
		cause += ":" + m.PaymentIntentID
	}
	return Route{Queue: QueuePayments, Group: string(m.OrderID), DeduplicationID: deduplicationID(m.OrderID, KindVoidPayment, cause)}
}

func (m VoidPayment) attributes() Attributes {
	return Attributes{OrderID: m.OrderID, ConcertID: m.ConcertID, Group: m.Group}
}

// Validate implements Message.
func (m VoidPayment) Validate() error {
	var p problems
	p.checkOrderID(m.OrderID)
	p.add(m.SeatGroup().Validate())
	p.checkf(m.RowVersion >= 1, "rowVersion is %d, want at least 1", m.RowVersion)
	p.checkf(m.PaymentIntentID == "" || validStripeID(m.PaymentIntentID), "paymentIntentId %q is none", m.PaymentIntentID)
	return p.err()
}

// maxStripeID is longer than any id that Stripe gives out, and lets every deduplication id fit.
const maxStripeID = 48

// validStripeID says whether an id has the form of Stripe's: letters, digits and "_".
func validStripeID(id string) bool {
	if id == "" || len(id) > maxStripeID {
		return false
	}
	for _, r := range id {
		if r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return false
		}
	}
	return true
}
