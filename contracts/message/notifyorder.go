package message

import (
	"slices"

	"boxoffice/contracts"
)

// KindNotifyOrder says that an order has a new version. Its buyer is to see it, and to get the mail of its status.
// Cause: an event of the order on the bus. A rule of the topology makes the message of the event, with ids alone.
// Handler: consumers/internal/notify/order.go.
const KindNotifyOrder Kind = "NotifyOrder"

// NotifyOrder is version 1.
type NotifyOrder struct {
	OrderID contracts.OrderID `json:"orderId"`
	// RowVersion is the version of the row that the event is about, and Status the status that it had. The handler reads the row,
	// which may have a later version.
	RowVersion int              `json:"rowVersion"`
	Status     contracts.Status `json:"status"`
}

// Kind implements Message.
func (NotifyOrder) Kind() Kind   { return KindNotifyOrder }
func (NotifyOrder) version() int { return 1 }

// Route implements Message. A standard queue has neither groups nor deduplication.
func (NotifyOrder) Route() Route { return Route{Queue: QueueNotifications} }

func (m NotifyOrder) attributes() Attributes { return Attributes{OrderID: m.OrderID} }

// Validate implements Message.
func (m NotifyOrder) Validate() error {
	var p problems
	p.checkOrderID(m.OrderID)
	p.checkf(m.RowVersion >= 1, "rowVersion is %d, want at least 1", m.RowVersion)
	p.checkf(slices.Contains(contracts.Statuses(), m.Status) && m.Status != contracts.Queued, "status is %q, want one that is stored", m.Status)
	return p.err()
}
