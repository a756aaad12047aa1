package message

import (
	"strconv"

	"boxoffice/contracts"
)

// KindVoidPayment gives an authorisation back. Cause: an order has ended unpaid, or its authorisation came too late; a
// message that was to end or to void an order is a dead letter (reconcile); the comparison with Stripe's ledger found an
// authorisation that nobody waits for. Handler: consumers/internal/pay/void.go.
const KindVoidPayment Kind = "VoidPayment"

// VoidPayment is version 1.
type VoidPayment struct {
	OrderID   contracts.OrderID `json:"orderId"`
	ConcertID string            `json:"concertId"`
	Group     string            `json:"group"`
	// RowVersion is the version of the row that had ended: the cause, for deduplication. 0 if the sender did not read the
	// row; then CauseID is set.
	RowVersion int `json:"rowVersion"`
	// PaymentIntentID is set when the sender knows one, which the row may not name: it then is part of the cause.
	PaymentIntentID string `json:"paymentIntentId,omitempty"`
	// CauseID, where it is set, is the whole cause: unique to the letter or to the look at the ledger that the message
	// comes from, and to the PaymentIntent where one cause names several. 1 to 48 of A-Z a-z 0-9 _. The row decides in any
	// case whether there is something to void.
	CauseID string `json:"causeId,omitempty"`
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
	switch {
	case m.CauseID != "":
		// Alone: with a PaymentIntent beside it the id could be longer than SQS takes.
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
	p.checkf(m.PaymentIntentID == "" || validStripeID(m.PaymentIntentID), "paymentIntentId %q is none", m.PaymentIntentID)
	return p.err()
}

// ValidCauseID says whether id has the form of the cause of a message to pay: the number of a run, the id of an event of
// Stripe, of a letter, of a PaymentIntent. It has the form of Stripe's ids, since some of them are causes.
func ValidCauseID(id string) bool { return validStripeID(id) }

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
