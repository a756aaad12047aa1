package message

import "boxoffice/contracts"

// KindCancelOrder cancels an open order. Cause: its buyer (DELETE /orders/{id}) or an operator.
// Handler: consumers/internal/reserve/cancel.go.
const KindCancelOrder Kind = "CancelOrder"

// CancelOrder is version 1.
type CancelOrder struct {
	OrderID   contracts.OrderID `json:"orderId"`
	ConcertID string            `json:"concertId"`
	// Group is the group in the order's row.
	Group string `json:"group"`
	// CommandID is unique to the command. For a buyer's it is "v" and the version of the row, so that SQS drops the second
	// message of a double click.
	CommandID string `json:"commandId"`
}

// Kind implements Message.
func (CancelOrder) Kind() Kind   { return KindCancelOrder }
func (CancelOrder) version() int { return 1 }

// SeatGroup is the seat group in whose order the message is handled.
func (m CancelOrder) SeatGroup() contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: m.ConcertID, Group: m.Group}
}

// Route implements Message.
func (m CancelOrder) Route() Route {
	return Route{Queue: QueueOrders, Group: m.SeatGroup().Key(), DeduplicationID: deduplicationID(m.OrderID, KindCancelOrder, m.CommandID)}
}

func (m CancelOrder) attributes() Attributes {
	return Attributes{OrderID: m.OrderID, ConcertID: m.ConcertID, Group: m.Group}
}

// Validate implements Message.
func (m CancelOrder) Validate() error {
	var p problems
	p.checkOrderID(m.OrderID)
	p.add(m.SeatGroup().Validate())
	p.checkf(contracts.ValidCommandID(m.CommandID), "commandId %q is not 1 to 36 of A-Z a-z 0-9 _ -", m.CommandID)
	return p.err()
}
