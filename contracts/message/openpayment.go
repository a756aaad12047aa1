package message

import "boxoffice/contracts"

// KindOpenPayment creates the PaymentIntent of an order. Cause: the order was held; reconcile, if that message was lost.
// Handler: consumers/internal/pay/open.go.
const KindOpenPayment Kind = "OpenPayment"

// OpenPayment is version 1.
type OpenPayment struct {
	OrderID   contracts.OrderID `json:"orderId"`
	ConcertID string            `json:"concertId"`
	Group     string            `json:"group"`
	// RowVersion is the version of the held row. It identifies the cause for deduplication.
	RowVersion int `json:"rowVersion"`
	// Run is set when reconcile repeats the message: the number of its run, so that SQS does not drop the repeat.
	Run int64 `json:"run,omitempty"`
}

// Kind implements Message.
func (OpenPayment) Kind() Kind   { return KindOpenPayment }
func (OpenPayment) version() int { return 1 }

// SeatGroup is the seat group of the order.
func (m OpenPayment) SeatGroup() contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: m.ConcertID, Group: m.Group}
}

// Route implements Message. The message group is the order, so that no order waits for another buyer's bank.
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
