package readmodel

import (
	"strconv"
	"time"

	"boxoffice/contracts"
)

// LedgerCursor is the row of the table deadletters that says up to where comparisons with Stripe's ledger were requested. The
// next run requests from there on, so that a run that is late or missing leaves no gap.
type LedgerCursor struct {
	// MessageKey is LedgerCursorKey.
	MessageKey string `dynamodbav:"messageKey"`
	// SlicesTo is the end of the last requested slice: every PaymentIntent created before it is in a slice that was requested.
	SlicesTo contracts.Instant `dynamodbav:"slicesTo"`
	// DayAt and WeekAt are when the comparisons of the last day and of the last days were last requested.
	DayAt  contracts.Instant `dynamodbav:"dayAt"`
	WeekAt contracts.Instant `dynamodbav:"weekAt"`
}

// LedgerCursorKey is the key of the LedgerCursor.
const LedgerCursorKey = "cursor#ledger"

// LedgerNote is a row of the table deadletters: a reported difference between Stripe and an order's row. A later comparison
// of the same PaymentIntent finds the note and does not report the difference again.
type LedgerNote struct {
	// MessageKey is DifferenceKey.
	MessageKey      string            `dynamodbav:"messageKey"`
	OrderID         contracts.OrderID `dynamodbav:"orderId,omitempty"`
	PaymentIntentID string            `dynamodbav:"paymentIntentId"`
	Reason          string            `dynamodbav:"reason"`
	At              contracts.Instant `dynamodbav:"at"`
	// ExpiresAt, in seconds since 1970, is when DynamoDB may delete the note: LedgerNoteKept after At.
	ExpiresAt int64 `dynamodbav:"expiresAt"`
	// List and ListedAt are the keys of the index "letters".
	List     string `dynamodbav:"letterList,omitempty"`
	ListedAt string `dynamodbav:"listedAt,omitempty"`
}

// Listed returns the note as it is stored: it is in the list of differences.
func (n LedgerNote) Listed() LedgerNote {
	n.List, n.ListedAt = ListDifferences, listedAt(n.At, ListDifferences)
	return n
}

// LedgerNoteKept is longer than the time for which a PaymentIntent is compared.
const LedgerNoteKept = 15 * 24 * time.Hour

// DifferenceKey returns "difference#PAYMENTINTENT#WORD#AMOUNT". Another word, or another amount of money or tickets, is
// another difference.
func DifferenceKey(paymentIntentID, word string, amount int64) string {
	return "difference#" + paymentIntentID + "#" + word + "#" + strconv.FormatInt(amount, 10)
}
