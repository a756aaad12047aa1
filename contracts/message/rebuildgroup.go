package message

import "boxoffice/contracts"

// KindRebuildGroup loads a seat group into Redis if it is not there in the layout version that is sold. Cause: an operator or the catalogue loader.
// Handler: consumers/internal/seats.
const KindRebuildGroup Kind = "RebuildGroup"

// RebuildGroup is version 1.
type RebuildGroup struct {
	ConcertID string `json:"concertId"`
	Group     string `json:"group"`
	// CommandID is unique to the command, so that a later one is not taken for a repeat. 1 to 36 of A-Z a-z 0-9 _ -.
	CommandID string `json:"commandId"`
}

// Kind implements Message.
func (RebuildGroup) Kind() Kind   { return KindRebuildGroup }
func (RebuildGroup) version() int { return 1 }

// SeatGroup orders the message.
func (m RebuildGroup) SeatGroup() contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: m.ConcertID, Group: m.Group}
}

// Route implements Message. Deduplication is by group, so the command alone names the send.
func (m RebuildGroup) Route() Route {
	return Route{Queue: QueueOrders, Group: m.SeatGroup().Key(), DeduplicationID: string(KindRebuildGroup) + ":" + m.CommandID}
}

func (m RebuildGroup) attributes() Attributes {
	return Attributes{ConcertID: m.ConcertID, Group: m.Group}
}

// Validate implements Message.
func (m RebuildGroup) Validate() error {
	var p problems
	p.add(m.SeatGroup().Validate())
	p.checkf(contracts.ValidCommandID(m.CommandID), "commandId has %d characters, want 1 to 36 of A-Z a-z 0-9 _ -", len(m.CommandID))
	return p.err()
}
