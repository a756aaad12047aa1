package readmodel

import "boxoffice/contracts"

// The table connections has an item for each open connection, and one for each ticket that has opened a connection.

// Connection is an open connection of a buyer. The item may be there when the connection is gone: the deletion at the end of a
// connection is not sure to happen, and the gateway answers 410 for a connection that is gone.
type Connection struct {
	// ConnectionID is the gateway's id of the connection, or UsedTicket of a ticket.
	ConnectionID string `dynamodbav:"connectionId"`
	// UserID and ConnectedAt, when the connection was opened, are the keys of the index account. A used ticket has neither.
	UserID      string            `dynamodbav:"userId,omitempty"`
	ConnectedAt contracts.Instant `dynamodbav:"connectedAt,omitempty"`
	// ExpiresAt is in seconds since 1970. DynamoDB deletes the item days later.
	ExpiresAt int64 `dynamodbav:"expiresAt,omitempty"`
}

// IndexConnectionsOfAccount is the index of a buyer's connections by the time at which they were opened. It is eventually
// consistent, and has the keys alone.
const IndexConnectionsOfAccount = "account"

// UsedTicket is the key of the item that makes a ticket good for one connection. The gateway's ids have no #.
func UsedTicket(nonce string) string { return "ticket#" + nonce }
