package queuesource

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// encodeEvent returns the event that Lambda builds from received messages.
func encodeEvent(messages []types.Message, queueARN string) ([]byte, error) {
	event := events.SQSEvent{Records: make([]events.SQSMessage, len(messages))}
	// arn:partition:sqs:region:account:name
	var region string
	if parts := strings.Split(queueARN, ":"); len(parts) == 6 {
		region = parts[3]
	}
	for i, m := range messages {
		record := events.SQSMessage{
			MessageId: aws.ToString(m.MessageId), ReceiptHandle: aws.ToString(m.ReceiptHandle), Body: aws.ToString(m.Body),
			Md5OfBody: aws.ToString(m.MD5OfBody), Md5OfMessageAttributes: aws.ToString(m.MD5OfMessageAttributes),
			Attributes: m.Attributes, MessageAttributes: make(map[string]events.SQSMessageAttribute, len(m.MessageAttributes)),
			EventSourceARN: queueARN, EventSource: "aws:sqs", AWSRegion: region,
		}
		for name, value := range m.MessageAttributes {
			record.MessageAttributes[name] = events.SQSMessageAttribute{
				StringValue: value.StringValue, BinaryValue: value.BinaryValue, DataType: aws.ToString(value.DataType),
				StringListValues: []string{}, BinaryListValues: [][]byte{},
			}
		}
		event.Records[i] = record
	}
	encoded, err := json.Marshal(event)
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	return encoded, nil
}

// failures returns the ids of the failed messages, reading a function's response as AWS does. An empty response, null, an object
// without batchItemFailures, and an empty or null list mean that all messages succeeded. Anything else that is not a list of ids
// of this batch fails the whole batch.
func failures(payload []byte, messages []types.Message) (map[string]bool, error) {
	if len(strings.TrimSpace(string(payload))) == 0 {
		return nil, nil
	}
	// Maps, because a struct would also accept member names that differ in case, and AWS does not.
	var response map[string]json.RawMessage
	if err := json.Unmarshal(payload, &response); err != nil {
		return nil, fmt.Errorf("the function's response: %w", err)
	}
	var reported []map[string]*string
	if list := response["batchItemFailures"]; list != nil {
		if err := json.Unmarshal(list, &reported); err != nil {
			return nil, fmt.Errorf("the function's response: %w", err)
		}
	}
	known := make(map[string]bool, len(messages))
	for _, m := range messages {
		known[aws.ToString(m.MessageId)] = true
	}
	failed := make(map[string]bool, len(reported))
	for _, f := range reported {
		id := aws.ToString(f["itemIdentifier"])
		if id == "" {
			return nil, errors.New("the function's response has a failure without itemIdentifier")
		}
		if !known[id] {
			return nil, fmt.Errorf("the function's response names %q, which is not in the batch", id)
		}
		failed[id] = true
	}
	return failed, nil
}

func attemptID(random io.Reader) string {
	var b [16]byte
	// Equal ids would only make SQS repeat a result within five minutes. Only tests have a random source that runs out.
	_, _ = io.ReadFull(random, b[:])
	return hex.EncodeToString(b[:])
}
