package message

import "boxoffice/contracts"

// KindOpenPayment makes the PaymentIntent of an order. Cause: an order was held; reconcile, where that
// was lost. Handler: consumers/internal/pay/open.go.
const KindOpenPayment Kind = "OpenPayment"

// OpenPayment is version 1.
type OpenPayment struct {
	OrderID   contracts.OrderID `json:"orderId"`
	ConcertID string            `json:"concertId"`
	Group     string            `json:"group"`
	// RowVersion is the version of the row that was held: the cause, for deduplication.
	RowVersion int `json:"rowVersion"`
	// Run is set when reconcile sends the message again: the number of its run, which makes the send a new one.
	Run int64 `json:"run,omitempty"`
}

// Kind implements Message.
func (OpenPayment) Kind() Kind   { return KindOpenPayment }
func (OpenPayment) version() int { return 1 }

// SeatGroup of the order.
func (m OpenPayment) SeatGroup() contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: m.ConcertID, Group: m.Group}
}

// Route implements Message. Payments are ordered by order: no seat waits for another buyer's bank.
func (m OpenPayment) Route() Route {
	return Route{Queue: QueuePayments, Group: string(m.OrderID), DeduplicationID: deduplicationID(m.OrderID, KindOpenPayment, stepCause(m.RowVersion, m.Run))}
}

func (m OpenPayment) attributes() Attributes {
	return Attributes{OrderID: m.OrderID, ConcertID: m.ConcertID, Group: m.Group}
}

// Validate implements Message.
func (m OpenPayment) Validate() error {
	var p problems
	p.checkOrderID(m.OrderID)
	p.add(m.SeatGroup().Validate())
	p.checkStep(m.RowVersion, m.Run)
	return p.err()
}
