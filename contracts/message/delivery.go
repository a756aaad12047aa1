package message

import (
	"fmt"

	"boxoffice/contracts"
)

// Delivery is one received copy of a message: the body and what the queue adds to it.
type Delivery struct {
	MessageID string
	// SequenceNumber is SQS's number of the message: 20 digits, rising within the message group.
	SequenceNumber string
	// Group is the MessageGroupId.
	Group string
	// SentAt is when SQS accepted the message, by SQS's clock.
	SentAt contracts.Instant
	// ReceiveCount counts all receives. It also rises when only a message before this one failed, so nothing is decided by it.
	ReceiveCount int
	Attributes   Attributes
	Body         string
}

// sequenceDigits is the width of an SQS SequenceNumber.
const sequenceDigits = 20

// Fence returns the SequenceNumber padded to 20 digits, so that fences compare as strings, also those of a server that does
// not pad.
func (d Delivery) Fence() string { return fmt.Sprintf("%0*s", sequenceDigits, d.SequenceNumber) }
