package message

import "boxoffice/contracts"

// KindExpireHold expires an order whose hold has ended. Cause: the order was held. Handler: consumers/internal/expire.
const KindExpireHold Kind = "ExpireHold"

// ExpireHold is version 1.
type ExpireHold struct {
	OrderID   contracts.OrderID `json:"orderId"`
	ConcertID string            `json:"concertId"`
	Group     string            `json:"group"`
	// RowVersion is the version of the open row. It identifies the cause for deduplication.
	RowVersion int `json:"rowVersion"`
	// Run is set when reconcile repeats the message: the number of its run, so that SQS does not drop the repeat. The repeat
	// goes to the queue of orders, which has no delay: the hold has ended already.
	Run int64 `json:"run,omitempty"`
}

// Kind implements Message.
func (ExpireHold) Kind() Kind   { return KindExpireHold }
func (ExpireHold) version() int { return 1 }

// SeatGroup is the seat group in whose order the message is handled.
func (m ExpireHold) SeatGroup() contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: m.ConcertID, Group: m.Group}
}

// Route implements Message. The queue of expiries delays each message until the hold has ended. It is a queue of its own
// because a FIFO queue delays all its messages or none.
func (m ExpireHold) Route() Route {
	queue := QueueExpiries
	if m.Run > 0 {
		queue = QueueOrders
	}
	return Route{Queue: queue, Group: m.SeatGroup().Key(), DeduplicationID: deduplicationID(m.OrderID, KindExpireHold, stepCause(m.RowVersion, m.Run))}
}

func (m ExpireHold) attributes() Attributes {
	return Attributes{OrderID: m.OrderID, ConcertID: m.ConcertID, Group: m.Group}
}

// Validate implements Message.
func (m ExpireHold) Validate() error {
	var p problems
	p.checkOrderID(m.OrderID)
	p.add(m.SeatGroup().Validate())
	p.checkStep(m.RowVersion, m.Run)
	return p.err()
}
