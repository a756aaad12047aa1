package message

import "boxoffice/contracts"

// KindExpireHold ends an order whose hold ran out. Cause: an order was held. Handler: consumers/internal/expire.
const KindExpireHold Kind = "ExpireHold"

// ExpireHold is version 1.
type ExpireHold struct {
	OrderID   contracts.OrderID `json:"orderId"`
	ConcertID string            `json:"concertId"`
	Group     string            `json:"group"`
	// RowVersion is the version of the row that was open: the cause, for deduplication.
	RowVersion int `json:"rowVersion"`
	// Run is set when reconcile sends the message again: the number of its run, which makes the send a new one. It then
	// goes by the queue of orders, which has no delay: the hold is over already.
	Run int64 `json:"run,omitempty"`
}

// Kind implements Message.
func (ExpireHold) Kind() Kind   { return KindExpireHold }
func (ExpireHold) version() int { return 1 }

// SeatGroup orders the message.
func (m ExpireHold) SeatGroup() contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: m.ConcertID, Group: m.Group}
}

// Route implements Message. The queue of expiries itself delays the message until the hold is over, since a FIFO queue delays
// every message or none.
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
