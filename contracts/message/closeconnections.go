package message

import "boxoffice/contracts"

// KindCloseConnections closes the open connections of an account. Cause: a session of the account ended on request. Handler:
// consumers/internal/notify.
const KindCloseConnections Kind = "CloseConnections"

// CloseConnections is version 1.
type CloseConnections struct {
	UserID string `json:"userId"`
	// Until bounds the connections: those that were opened at this instant or before. A message that is delivered late must not
	// close what the buyer has opened since.
	Until contracts.Instant `json:"until"`
}

// Kind implements Message.
func (CloseConnections) Kind() Kind   { return KindCloseConnections }
func (CloseConnections) version() int { return 1 }

// Route implements Message. The queue is no FIFO queue: the message has neither a group nor a deduplication id. To close the same
// connections twice does no harm.
func (m CloseConnections) Route() Route { return Route{Queue: QueueNotifications} }

func (m CloseConnections) attributes() Attributes { return Attributes{UserID: m.UserID} }

// Validate implements Message.
func (m CloseConnections) Validate() error {
	var p problems
	p.checkf(ValidUserID(m.UserID), "userId has %d characters, want 1 to %d of printable ASCII", len(m.UserID), maxUserID)
	p.checkf(m.Until >= 1, "until is %d, want at least 1", m.Until)
	return p.err()
}
