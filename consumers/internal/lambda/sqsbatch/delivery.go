package sqsbatch

import (
	"strconv"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// item is a message of a batch with the receipt that returns it.
type item struct {
	message.Delivery
	receipt Receipt
}

// itemOf reads a record. An attribute that is missing or is no number is left unset: the message itself is judged by
// its body, and a lag that is not known is not logged.
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
			// What is being read here was received at least once.
			ReceiveCount: int(numberOf(record.Attributes["ApproximateReceiveCount"], 1)),
			Attributes:   message.AttributesOf(attributes),
			Body:         record.Body,
		},
		receipt: Receipt{MessageID: record.MessageId, Handle: record.ReceiptHandle},
	}
}

// numberOf is the number in text, or least where text is no number or a smaller one.
func numberOf(text string, least int64) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return least
	}
	return max(n, least)
}
