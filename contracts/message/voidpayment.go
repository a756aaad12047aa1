package message

import (
	"strconv"

	"boxoffice/contracts"
)

// KindVoidPayment releases an authorisation. Cause: an order has ended unpaid, or its authorisation came too late; a message
// that should have ended or voided the order is a dead letter (reconcile); the comparison with Stripe's ledger found an
// authorisation that belongs to no open order. Handler: consumers/internal/pay/void.go.
const KindVoidPayment Kind = "VoidPayment"

// VoidPayment is version 1.
type VoidPayment struct {
	OrderID   contracts.OrderID `json:"orderId"`
	ConcertID string            `json:"concertId"`
	Group     string            `json:"group"`
	// RowVersion is the version of the ended row. It identifies the cause for deduplication. 0 if the sender did not read the
	// row; then CauseID is set.
	RowVersion int `json:"rowVersion"`
	// PaymentIntentID is set if the sender knows the PaymentIntent, which the row may not name. It then is part of the cause,
	// unless CauseID is set.
	PaymentIntentID string `json:"paymentIntentId,omitempty"`
	// CauseID, if set, is the whole cause: it is unique to the dead letter or the ledger comparison that caused the message,
	// and to the PaymentIntent if one cause names several. 1 to 48 of A-Z a-z 0-9 _. The row decides in any case whether
	// there is something to void.
	CauseID string `json:"causeId,omitempty"`
}

// Kind implements Message.
func (VoidPayment) Kind() Kind   { return KindVoidPayment }
func (VoidPayment) version() int { return 1 }

// SeatGroup is the seat group of the order.
func (m VoidPayment) SeatGroup() contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: m.ConcertID, Group: m.Group}
}

// Route implements Message.
func (m VoidPayment) Route() Route {
	cause := "v" + strconv.Itoa(m.RowVersion)
	switch {
	case m.CauseID != "":
		// The PaymentIntent is not added: the id could become longer than SQS accepts.
		cause = m.CauseID
	case m.PaymentIntentID != "":
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
	least := 1
	if m.CauseID != "" {
		least = 0
		p.checkf(ValidCauseID(m.CauseID), "causeId %q is not 1 to 48 of A-Z a-z 0-9 _", m.CauseID)
	}
	p.checkf(m.RowVersion >= least, "rowVersion is %d, want at least %d", m.RowVersion, least)
	p.checkf(m.PaymentIntentID == "" || validStripeID(m.PaymentIntentID), "paymentIntentId %q is not valid", m.PaymentIntentID)
	return p.err()
}

// ValidCauseID reports whether id can be the CauseID of a message to pay: 1 to 48 of A-Z a-z 0-9 _. A cause is the number of
// a run or the id of a Stripe event, a dead letter or a PaymentIntent, so it has the form of Stripe's ids.
func ValidCauseID(id string) bool { return validStripeID(id) }

// maxStripeID is longer than every id of Stripe, and short enough for every deduplication id to fit into SQS's limit.
const maxStripeID = 48

// validStripeID reports whether id has the form of Stripe's ids: 1 to 48 letters, digits and "_".
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
