package message

import (
	"strconv"

	"boxoffice/contracts"
)

// KindMirrorOrder applies the row of an order to Redis. Cause: mirror read the row from the stream and could not apply it,
// because the Redis shard of its seat group is down or the group is not loaded. The message waits in the message group of
// that seat group, so that the stream continues for all others. Handler: consumers/internal/mirror, called by reserve.
const KindMirrorOrder Kind = "MirrorOrder"

// MirrorOrder is version 1.
type MirrorOrder struct {
	OrderID   contracts.OrderID `json:"orderId"`
	ConcertID string            `json:"concertId"`
	Group     string            `json:"group"`
	// RowVersion is the version that mirror read. It identifies the cause for deduplication. The handler reads the row again
	// and applies its current version, so nothing is lost when SQS drops a repeat within 5 minutes: the earlier message is
	// either not handled yet, or it was handled with this version or a later one.
	RowVersion int `json:"rowVersion"`
}

// Kind implements Message.
func (MirrorOrder) Kind() Kind   { return KindMirrorOrder }
func (MirrorOrder) version() int { return 1 }

// SeatGroup is the seat group in whose order the message is handled.
func (m MirrorOrder) SeatGroup() contracts.SeatGroup {
	return contracts.SeatGroup{ConcertID: m.ConcertID, Group: m.Group}
}

// Route implements Message.
func (m MirrorOrder) Route() Route {
	return Route{Queue: QueueOrders, Group: m.SeatGroup().Key(), DeduplicationID: deduplicationID(m.OrderID, KindMirrorOrder, "v"+strconv.Itoa(m.RowVersion))}
}

func (m MirrorOrder) attributes() Attributes {
	return Attributes{OrderID: m.OrderID, ConcertID: m.ConcertID, Group: m.Group}
}

// Validate implements Message.
func (m MirrorOrder) Validate() error {
	var p problems
	p.checkOrderID(m.OrderID)
	p.add(m.SeatGroup().Validate())
	p.checkf(m.RowVersion >= 1, "rowVersion is %d, want at least 1", m.RowVersion)
	return p.err()
}
