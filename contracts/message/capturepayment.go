package message

import "boxoffice/contracts"

// KindCapturePayment takes the money of an order that owns its seats. Cause: an order was committed; reconcile,
// where that was lost. Handler: consumers/internal/pay/capture.go.
const KindCapturePayment Kind = "CapturePayment"

// CapturePayment is version 1.
type CapturePayment struct {
	OrderID   contracts.OrderID `json:"orderId"`
	ConcertID string            `json:"concertId"`
	Group     string            `json:"group"`
	// RowVersion is the version of the row that was committed: the cause, for deduplication.
	RowVersion int `json:"rowVersion"`
	// Run is set when reconcile sends the message again: the number of its run, which makes the send a new one.
	Run int64 `json:"run,omitempty"`
}

// Kind implements Message.
func (CapturePayment) Kind() Kind   { return KindCapturePayment }
func (CapturePayment) version() int { return 1 }

// SeatGroup of the order.
func (m CapturePayment) SeatGroup() contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: m.ConcertID, Group: m.Group}
}

// Route implements Message. Payments are ordered by order: no seat waits for another buyer's bank.
func (m CapturePayment) Route() Route {
	return Route{Queue: QueuePayments, Group: string(m.OrderID), DeduplicationID: deduplicationID(m.OrderID, KindCapturePayment, stepCause(m.RowVersion, m.Run))}
}

func (m CapturePayment) attributes() Attributes {
	return Attributes{OrderID: m.OrderID, ConcertID: m.ConcertID, Group: m.Group}
}

// Validate implements Message.
func (m CapturePayment) Validate() error {
	var p problems
	p.checkOrderID(m.OrderID)
	p.add(m.SeatGroup().Validate())
	p.checkStep(m.RowVersion, m.Run)
	return p.err()
}
