package message

import "boxoffice/contracts"

// KindSettleOrder rejects an open order. Cause: its seat was sold to another order (mirror displaced its hold, or reconcile
// found it); an operator. Handler: consumers/internal/reserve/settle.go.
const KindSettleOrder Kind = "SettleOrder"

// SettleOrder is version 1.
type SettleOrder struct {
	OrderID   contracts.OrderID `json:"orderId"`
	ConcertID string            `json:"concertId"`
	Group     string            `json:"group"`
	// Reason is why the order is rejected. The handler acts on seat_lost only if a ticket of another order proves it.
	Reason contracts.Reason `json:"reason"`
	// CommandID is unique to the cause: for a displaced order the number of a stream record or of a run.
	CommandID string `json:"commandId"`
}

// settleReasons are the reasons that a SettleOrder may have.
var settleReasons = map[contracts.Reason]bool{contracts.ReasonSeatLost: true, contracts.ReasonInternal: true}

// Kind implements Message.
func (SettleOrder) Kind() Kind   { return KindSettleOrder }
func (SettleOrder) version() int { return 1 }

// SeatGroup is the seat group in whose order the message is handled.
func (m SettleOrder) SeatGroup() contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: m.ConcertID, Group: m.Group}
}

// Route implements Message.
func (m SettleOrder) Route() Route {
	return Route{Queue: QueueOrders, Group: m.SeatGroup().Key(), DeduplicationID: deduplicationID(m.OrderID, KindSettleOrder, m.CommandID)}
}

func (m SettleOrder) attributes() Attributes {
	return Attributes{OrderID: m.OrderID, ConcertID: m.ConcertID, Group: m.Group}
}

// Validate implements Message.
func (m SettleOrder) Validate() error {
	var p problems
	p.checkOrderID(m.OrderID)
	p.add(m.SeatGroup().Validate())
	p.checkf(settleReasons[m.Reason], "reason %q is not allowed in a SettleOrder", m.Reason)
	p.checkf(contracts.ValidCommandID(m.CommandID), "commandId %q is not 1 to 36 of A-Z a-z 0-9 _ -", m.CommandID)
	return p.err()
}
