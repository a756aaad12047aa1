package sqsbatch

import (
	"strconv"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// item is a message of a batch with its receipt.
type item struct {
	message.Delivery
	receipt Receipt
}

// itemOf returns the item of a record. An attribute that is missing or not a number stays unset: the handler reads the body, and
// an unknown lag is not logged.
func itemOf(record events.SQSMessage) item {
	attributes := make(map[string]string, len(record.MessageAttributes))
	for name, value := range record.MessageAttributes {
		if value.StringValue != nil {
			attributes[name] = *value.StringValue
		}
	}
	return item{
		Delivery: message.Delivery{
			MessageID:      record.MessageId,
			SequenceNumber: record.Attributes["SequenceNumber"],
			Group:          record.Attributes["MessageGroupId"],
			SentAt:         contracts.Instant(numberOf(record.Attributes["SentTimestamp"], 0)),
			// This message has been received at least once.
			ReceiveCount: int(numberOf(record.Attributes["ApproximateReceiveCount"], 1)),
			Attributes:   message.AttributesOf(attributes),
			Body:         record.Body,
		},
		receipt: Receipt{MessageID: record.MessageId, Handle: record.ReceiptHandle},
	}
}

// numberOf returns the number in text, or least if text is not a number or is less than least.
func numberOf(text string, least int64) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return least
	}
	return max(n, least)
}
