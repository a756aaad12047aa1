package readmodel

import (
	"time"

	"boxoffice/contracts"
)

// Allowance is the row that counts a buyer's seats for a concert: those of open orders and of tickets. It moves in the
// transaction of the order's row, so the limit per buyer holds across orders.
type Allowance struct {
	// BuyerConcert is AllowanceKey.
	BuyerConcert string `dynamodbav:"buyerConcert"`
	Seats        int    `dynamodbav:"seats"`
}

// AllowanceKey is "concertId#userId". The concert comes first, since its id has no "#".
func AllowanceKey(concertID, userID string) string { return concertID + "#" + userID }

// DeadLetter is a row of what handlers could not do. It has two kinds, told apart by the key: the note of an attempt
// that has not come back yet ("attempts#MESSAGE_ID"), and a message that was drained from a dead-letter queue
// ("message#MESSAGE_ID"). Rows of other kinds in the same table are in ledger.go.
type DeadLetter struct {
	MessageKey string `dynamodbav:"messageKey"`

	// Attempts that were begun and never came back in good order. Only of an attempts row.
	Attempts int `dynamodbav:"attempts,omitempty"`
	// BegunAt is when they began, the oldest first. Those of an older program are not in it.
	BegunAt []contracts.Instant `dynamodbav:"begunAt,omitempty"`
	// ExpiresAt, in seconds since 1970, is when DynamoDB may drop an attempts row whose message is long gone: AttemptsKept
	// after the last attempt. A message that was drained is kept.
	ExpiresAt int64 `dynamodbav:"expiresAt,omitempty"`

	// The rest is of a message.
	Queue      string            `dynamodbav:"queue,omitempty"`
	Kind       string            `dynamodbav:"kind,omitempty"`
	OrderID    contracts.OrderID `dynamodbav:"orderId,omitempty"`
	SeatGroup  string            `dynamodbav:"seatGroup,omitempty"`
	Reason     string            `dynamodbav:"reason,omitempty"`
	Body       string            `dynamodbav:"body,omitempty"`
	Attributes map[string]string `dynamodbav:"attributes,omitempty"`
	At         contracts.Instant `dynamodbav:"at,omitempty"`
}

// AttemptsKept is longer than any queue keeps a message, so that a note outlives what it is about.
const AttemptsKept = 15 * 24 * time.Hour

// AttemptsKey and DrainedKey are the keys of the two kinds.
func AttemptsKey(messageID string) string { return "attempts#" + messageID }

// DrainedKey is the key of a drained message.
func DrainedKey(messageID string) string { return "message#" + messageID }
