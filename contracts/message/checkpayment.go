package message

import "boxoffice/contracts"

// KindCheckPayment reads the state of an order's payment from Stripe. Cause: reconcile, shortly before a hold ends without
// news, or when the message about an authorisation is a dead letter; Stripe's event that the PaymentIntent was cancelled.
// Handler: consumers/internal/pay/check.go.
const KindCheckPayment Kind = "CheckPayment"

// CheckPayment is version 1.
type CheckPayment struct {
	OrderID   contracts.OrderID `json:"orderId"`
	ConcertID string            `json:"concertId"`
	Group     string            `json:"group"`
	// CauseID identifies the cause: the number of a run, the id of an event or of a dead letter. 1 to 48 of A-Z a-z 0-9 _.
	CauseID string `json:"causeId"`
}

// Kind implements Message.
func (CheckPayment) Kind() Kind   { return KindCheckPayment }
func (CheckPayment) version() int { return 1 }

// SeatGroup is the seat group of the order.
func (m CheckPayment) SeatGroup() contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: m.ConcertID, Group: m.Group}
}

// Route implements Message.
func (m CheckPayment) Route() Route {
	return Route{Queue: QueuePayments, Group: string(m.OrderID), DeduplicationID: deduplicationID(m.OrderID, KindCheckPayment, m.CauseID)}
}

func (m CheckPayment) attributes() Attributes {
	return Attributes{OrderID: m.OrderID, ConcertID: m.ConcertID, Group: m.Group}
}

// Validate implements Message.
func (m CheckPayment) Validate() error {
	var p problems
	p.checkOrderID(m.OrderID)
	p.add(m.SeatGroup().Validate())
	p.checkf(ValidCauseID(m.CauseID), "causeId %q is not 1 to 48 of A-Z a-z 0-9 _", m.CauseID)
	return p.err()
}
