package memqueue

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-lambda-go/events"
)

// Source is the part of a queue that an event source mapping uses.
type Source interface {
	Receive(ctx context.Context, limit int) ([]Message, error)
	Delete(ctx context.Context, receipt string) error
}

// Function is a handler of a queue's batches, such as sqsbatch.Batches.
type Function func(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error)

// ErrUnknownItem means that a function reported the id of a message that was not in its batch.
var ErrUnknownItem = errors.New("the function's response names a message that is not in the batch")

// Deliver does one turn of an event source mapping with ReportBatchItemFailures: it receives up to limit messages, invokes
// the function with them, and deletes those that the response does not name. After an error, or a response that names an
// empty id or one that is not in the batch, it deletes none. A message that is not deleted is not touched: the function and
// the visibility timeout decide when it is redelivered. The error is what the mapping would log.
func Deliver(ctx context.Context, from Source, limit int, function Function) (received int, err error) {
	messages, err := from.Receive(ctx, limit)
	if err != nil || len(messages) == 0 {
		return 0, err
	}
	batch := events.SQSEvent{Records: make([]events.SQSMessage, len(messages))}
	for i, m := range messages {
		batch.Records[i] = record(m)
	}
	answer, err := function(ctx, batch)
	if err != nil {
		return len(messages), fmt.Errorf("invoke: %w", err)
	}
	failed := map[string]bool{}
	for _, m := range messages {
		failed[m.MessageID] = false
	}
	for _, f := range answer.BatchItemFailures {
		if _, inBatch := failed[f.ItemIdentifier]; !inBatch {
			return len(messages), fmt.Errorf("%w: %q", ErrUnknownItem, f.ItemIdentifier)
		}
		failed[f.ItemIdentifier] = true
	}
	var problems []error
	for _, m := range messages {
		if !failed[m.MessageID] {
			problems = append(problems, from.Delete(ctx, m.Receipt))
		}
	}
	return len(messages), errors.Join(problems...)
}

func record(m Message) events.SQSMessage {
	r := events.SQSMessage{
		MessageId: m.MessageID, ReceiptHandle: m.Receipt, Body: m.Body, EventSource: "aws:sqs",
		Attributes: map[string]string{
			"SequenceNumber": m.SequenceNumber, "MessageGroupId": m.Group,
			"SentTimestamp": strconv.FormatInt(int64(m.SentAt), 10), "ApproximateReceiveCount": strconv.Itoa(m.ReceiveCount),
		},
		MessageAttributes: map[string]events.SQSMessageAttribute{},
	}
	for name, value := range m.Attributes.Map() {
		r.MessageAttributes[name] = events.SQSMessageAttribute{StringValue: &value, DataType: "String"}
	}
	return r
}
