package cost

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/contracts/message"
)

// receive receives the next n messages of a queue as soon as none of the queue is delayed any more. One receive must get all of
// them: a second one would get none of the same group.
func (s *meteredStack) receive(t *testing.T, queue string, n int) []sqstypes.Message {
	t.Helper()
	url := aws.String(s.Queue(queue))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	poll := time.NewTicker(100 * time.Millisecond)
	defer poll.Stop()
	for {
		out, err := s.Queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
			QueueUrl: url, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameApproximateNumberOfMessagesDelayed},
		})
		if err != nil {
			t.Fatal(err)
		}
		delayed := out.Attributes[string(sqstypes.QueueAttributeNameApproximateNumberOfMessagesDelayed)]
		if delayed == "0" {
			break
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s messages of %s are still delayed", delayed, queue)
		case <-poll.C:
		}
	}
	out, err := s.Queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: url, MaxNumberOfMessages: int32(n), //nolint:gosec // at most 10
		MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameAll},
		MessageAttributeNames:       []string{"All"},
	})
	if err != nil || len(out.Messages) != n {
		t.Fatalf("received %[2]d messages of %[1]s, want %[3]d: %[4]v", queue, len(out.Messages), n, err)
	}
	return out.Messages
}

// handle invokes a function with the next n messages of a queue as one batch and deletes them. The function must handle all of
// them. handle returns the ids of the messages' orders.
func (s *meteredStack) handle(t *testing.T, function, queue string, n int) (orders []string) {
	t.Helper()
	messages := s.receive(t, queue, n)
	batch := events.SQSEvent{}
	groups := map[string]bool{}
	for _, m := range messages {
		record := events.SQSMessage{
			MessageId: aws.ToString(m.MessageId), ReceiptHandle: aws.ToString(m.ReceiptHandle), Body: aws.ToString(m.Body),
			Attributes: m.Attributes, MessageAttributes: map[string]events.SQSMessageAttribute{}, EventSource: "aws:sqs",
		}
		for name, value := range m.MessageAttributes {
			record.MessageAttributes[name] = events.SQSMessageAttribute{StringValue: value.StringValue, DataType: aws.ToString(value.DataType)}
		}
		batch.Records = append(batch.Records, record)
		groups[m.Attributes["MessageGroupId"]] = true
		orders = append(orders, aws.ToString(m.MessageAttributes[message.AttributeOrder].StringValue))
	}
	if len(groups) != 1 {
		t.Fatalf("a batch of %d seat groups: the number of calls would depend on how the batch is split", len(groups))
	}
	payload, err := json.Marshal(batch)
	if err != nil {
		t.Fatal(err)
	}
	s.invoke(t, function, payload)
	// Not through the meter, as the event source mapping does.
	for _, m := range messages {
		if _, err := s.Queues.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: aws.String(s.Queue(queue)), ReceiptHandle: m.ReceiptHandle}); err != nil {
			t.Fatal(err)
		}
	}
	return orders
}

// invoke invokes a function, which must report that it handled the whole batch.
func (s *meteredStack) invoke(t *testing.T, function string, payload []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Control+"/invoke/"+function, bytes.NewReader(payload))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // only read
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(answer)); got != `{"batchItemFailures":[]}` || response.StatusCode != http.StatusOK {
		t.Fatalf("%s returned %d %s", function, response.StatusCode, got)
	}
}

// newRecords returns the records that the stream of orders has got since the last call, as the event of a mapping. There must be
// as many as wanted.
func (s *meteredStack) newRecords(t *testing.T, want int) []byte {
	t.Helper()
	ctx := t.Context()
	listed, err := s.streams.ListStreams(ctx, &dynamodbstreams.ListStreamsInput{TableName: aws.String(s.Table("orders"))})
	if err != nil || len(listed.Streams) != 1 {
		t.Fatalf("streams %v: %v", listed, err)
	}
	stream, err := s.streams.DescribeStream(ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: listed.Streams[0].StreamArn})
	if err != nil || len(stream.StreamDescription.Shards) != 1 {
		t.Fatalf("stream %v: %v", stream, err)
	}
	at, err := s.streams.GetShardIterator(ctx, &dynamodbstreams.GetShardIteratorInput{
		StreamArn: listed.Streams[0].StreamArn, ShardId: stream.StreamDescription.Shards[0].ShardId, ShardIteratorType: streamtypes.ShardIteratorTypeTrimHorizon,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.streams.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: at.ShardIterator}); err != nil {
		t.Fatal(err)
	}
	var all struct{ Records []json.RawMessage }
	if err := json.Unmarshal(s.records.body, &all); err != nil {
		t.Fatal(err)
	}
	if n := len(all.Records) - s.read; n != want {
		t.Fatalf("%d rows were written since the last call, want %d", n, want)
	}
	event, err := json.Marshal(map[string]any{"Records": all.Records[s.read:]})
	if err != nil {
		t.Fatal(err)
	}
	s.read = len(all.Records)
	return event
}

// lastBody keeps the body of the last response.
type lastBody struct {
	client dynamodbstreams.HTTPClient
	body   []byte
}

// Do implements dynamodbstreams.HTTPClient.
func (l *lastBody) Do(r *http.Request) (*http.Response, error) {
	response, err := l.client.Do(r)
	if err != nil {
		return nil, err
	}
	if l.body, err = io.ReadAll(response.Body); err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(l.body))
	return response, nil
}
