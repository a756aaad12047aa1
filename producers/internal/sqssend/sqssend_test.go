package sqssend_test

import (
	"crypto/md5" //nolint:gosec // what SQS uses
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/contracts/message"
	"boxoffice/producers/internal/sqssend"
)

// queue takes every message and keeps the last request.
type queue struct{ last map[string]any }

// Do implements aws.HTTPClient.
func (q *queue) Do(request *http.Request) (*http.Response, error) {
	q.last = map[string]any{}
	if err := json.NewDecoder(request.Body).Decode(&q.last); err != nil {
		return nil, err
	}
	body, _ := q.last["MessageBody"].(string)
	sum := md5.Sum([]byte(body)) //nolint:gosec // what SQS uses
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body: io.NopCloser(strings.NewReader(`{"MessageId":"m","MD5OfMessageBody":"` + hex.EncodeToString(sum[:]) + `"}`)),
	}, nil
}

// SQS refuses a message without a group at a FIFO queue, and one with a deduplication id at a standard queue.
func TestOnlyMessagesOfFIFOQueuesHaveGroupAndDeduplicationID(t *testing.T) {
	for name, m := range map[string]message.Message{
		"fifo": message.RebuildGroup{ConcertID: "c", Group: "g", CommandID: "1"}, "standard": message.CloseConnections{UserID: "u", Until: 1},
	} {
		q := &queue{}
		s := sqssend.New(sqs.NewFromConfig(aws.Config{Region: "eu-central-1", HTTPClient: q, Credentials: credentials.NewStaticCredentialsProvider("id", "secret", "")}),
			map[message.Queue]string{message.QueueOrders: "https://sqs.example.com/orders.fifo", message.QueueNotifications: "https://sqs.example.com/notifications"})
		encoded, err := message.Encode(m, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Send(t.Context(), encoded); err != nil {
			t.Fatal(err)
		}
		for _, member := range []string{"MessageGroupId", "MessageDeduplicationId"} {
			if _, there := q.last[member]; there != (name == "fifo") {
				t.Errorf("%s: %v", name, q.last)
			}
		}
	}
}
