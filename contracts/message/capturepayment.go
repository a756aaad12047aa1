package message

import "boxoffice/contracts"

// KindCapturePayment takes the money for an order that owns its seats. Cause: the order was committed; reconcile, if that
// message was lost. Handler: consumers/internal/pay/capture.go.
const KindCapturePayment Kind = "CapturePayment"

// CapturePayment is version 1.
type CapturePayment struct {
	OrderID   contracts.OrderID `json:"orderId"`
	ConcertID string            `json:"concertId"`
	Group     string            `json:"group"`
	// RowVersion is the version of the committed row. It identifies the cause for deduplication.
	RowVersion int `json:"rowVersion"`
	// Run is set when reconcile repeats the message: the number of its run, so that SQS does not drop the repeat.
	Run int64 `json:"run,omitempty"`
}

// Kind implements Message.
func (CapturePayment) Kind() Kind   { return KindCapturePayment }
func (CapturePayment) version() int { return 1 }

// SeatGroup is the seat group of the order.
func (m CapturePayment) SeatGroup() contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: m.ConcertID, Group: m.Group}
}

// Route implements Message. The message group is the order, so that no order waits for another buyer's bank.
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
