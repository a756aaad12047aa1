package readmodel

import (
	"strconv"
	"time"

	"boxoffice/contracts"
)

// LedgerCursor is the one row of the table deadletters that says how far the ledger at Stripe was asked to be compared. What
// was asked for lies in the queue, so that a minute that is late or is left out leaves no hole.
type LedgerCursor struct {
	// MessageKey is LedgerCursorKey.
	MessageKey string `dynamodbav:"messageKey"`
	// SlicesTo is the end of the last slice: each PaymentIntent made before is in one that was asked for.
	SlicesTo contracts.Instant `dynamodbav:"slicesTo"`
	// DayAt and WeekAt are when the looks over the last day and over the last days were asked for the last time.
	DayAt  contracts.Instant `dynamodbav:"dayAt"`
	WeekAt contracts.Instant `dynamodbav:"weekAt"`
}

// LedgerCursorKey is its key.
const LedgerCursorKey = "cursor#ledger"

// LedgerNote is a row of the table deadletters: a difference between Stripe and a row that was reported. Later looks at the
// same PaymentIntent find it again and report it no more.
type LedgerNote struct {
	// MessageKey is DifferenceKey.
	MessageKey      string            `dynamodbav:"messageKey"`
	OrderID         contracts.OrderID `dynamodbav:"orderId,omitempty"`
	PaymentIntentID string            `dynamodbav:"paymentIntentId"`
	Reason          string            `dynamodbav:"reason"`
	At              contracts.Instant `dynamodbav:"at"`
	// ExpiresAt, in seconds since 1970, is when DynamoDB may drop it: LedgerNoteKept after At.
	ExpiresAt int64 `dynamodbav:"expiresAt"`
}

// LedgerNoteKept is longer than a PaymentIntent is looked at.
const LedgerNoteKept = 15 * 24 * time.Hour

// DifferenceKey is "difference#PAYMENTINTENT#WORD#AMOUNT": another word, or another amount of money or tickets, is another
// difference.
func DifferenceKey(paymentIntentID, word string, amount int64) string {
	return "difference#" + paymentIntentID + "#" + word + "#" + strconv.FormatInt(amount, 10)
}
