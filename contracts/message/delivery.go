package message

import (
	"fmt"

	"boxoffice/contracts"
)

// Delivery is one receive of a message: what the queue knows of it, beside the body.
type Delivery struct {
	MessageID string
	// SequenceNumber is SQS's 20-digit number of the message, rising within its group. It is compared as a string.
	SequenceNumber string
	// Group is the MessageGroupId.
	Group string
	// SentAt is when SQS took the message, by SQS's clock.
	SentAt contracts.Instant
	// ReceiveCount counts receives, also of innocent followers, so it decides nothing.
	ReceiveCount int
	Attributes   Attributes
	Body         string
}

// sequenceDigits is the width of an SQS SequenceNumber.
const sequenceDigits = 20

// Fence is the SequenceNumber padded to 20 digits, so that it compares as a string whatever the queue's server pads.
func (d Delivery) Fence() string { return fmt.Sprintf("%0*s", sequenceDigits, d.SequenceNumber) }
