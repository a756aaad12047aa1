package message

import (
	"strconv"

	"boxoffice/contracts"
)

// KindExpireHold ends an order whose hold ran out. Cause: an order was held. Handler: consumers/internal/expire.
const KindExpireHold Kind = "ExpireHold"

// ExpireHold is version 1.
type ExpireHold struct {
	OrderID   contracts.OrderID `json:"orderId"`
	ConcertID string            `json:"concertId"`
	Group     string            `json:"group"`
	// RowVersion is the version of the row that was HELD: the cause, for deduplication.
	RowVersion int `json:"rowVersion"`
}

// Kind implements Message.
func (ExpireHold) Kind() Kind   { return KindExpireHold }
func (ExpireHold) version() int { return 1 }

// SeatGroup orders the message.
func (m ExpireHold) SeatGroup() contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: m.ConcertID, Group: m.Group}
}

// Route implements Message. The queue itself delays the message until the hold is over, since a FIFO queue delays
// every message or none.
func (m ExpireHold) Route() Route {
	return Route{Queue: QueueExpiries, Group: m.SeatGroup().Key(), DeduplicationID: deduplicationID(m.OrderID, KindExpireHold, "v"+strconv.Itoa(m.RowVersion))}
}

func (m ExpireHold) attributes() Attributes {
	return Attributes{OrderID: m.OrderID, ConcertID: m.ConcertID, Group: m.Group}
}

// Validate implements Message.
func (m ExpireHold) Validate() error {
	var p problems
	p.checkOrderID(m.OrderID)
	p.add(m.SeatGroup().Validate())
	p.checkf(m.RowVersion >= 1, "rowVersion is %d, want at least 1", m.RowVersion)
	return p.err()
}
