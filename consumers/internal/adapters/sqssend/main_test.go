package sqssend_test

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/consumers/internal/adapters/sqssend"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/ministacktest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

func TestMain(m *testing.M) { os.Exit(ministacktest.Run(m)) }

// fixture is a Sender over a real SQS server with the queues of a test.
type fixture struct {
	config aws.Config
	client *sqs.Client
	urls   map[message.Queue]string
	sender *sqssend.Sender
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	ministacktest.Setenv(t)
	cfg, err := awsclient.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := &fixture{config: cfg, client: sqs.NewFromConfig(cfg), urls: map[message.Queue]string{}}
	for _, name := range []message.Queue{message.QueueOrders, message.QueueExpiries, "dead"} {
		out, err := r.client.CreateQueue(t.Context(), &sqs.CreateQueueInput{
			QueueName: aws.String(string(name) + ".fifo"),
			Attributes: map[string]string{
				"FifoQueue": "true", "DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId", "VisibilityTimeout": "60",
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		r.urls[name] = *out.QueueUrl
	}
	r.sender = sqssend.New(r.client, r.urls, retry.NewBreaker("sqs", retry.BreakerOptions{Failures: 1, IsSuccessful: sqssend.Healthy}))
	return r
}

// receive waits until it has received n messages of a queue, and returns them in their order.
func (r *fixture) receive(t *testing.T, queue message.Queue, n int) []types.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var got []types.Message
	for len(got) < n {
		out, err := r.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: aws.String(r.urls[queue]), MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"},
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		})
		if err != nil {
			t.Fatalf("%d of %d messages in %s: %v", len(got), n, queue, err)
		}
		got = append(got, out.Messages...)
	}
	return got
}

// waiting returns the number of visible messages of a queue.
func (r *fixture) waiting(t *testing.T, queue message.Queue) int {
	t.Helper()
	name := types.QueueAttributeNameApproximateNumberOfMessages
	out, err := r.client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(r.urls[queue]), AttributeNames: []types.QueueAttributeName{name},
	})
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(out.Attributes[string(name)])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (r *fixture) remove(t *testing.T, queue message.Queue, messages ...types.Message) {
	t.Helper()
	for _, m := range messages {
		if _, err := r.client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: aws.String(r.urls[queue]), ReceiptHandle: m.ReceiptHandle}); err != nil {
			t.Fatal(err)
		}
	}
}

// expiry returns an ExpireHold of group a; each n is another order.
func expiry(t *testing.T, n int) message.Encoded {
	t.Helper()
	id := contracts.OrderID("e1" + strings.Repeat(string(contracts.OrderIDAlphabet[n]), contracts.OrderIDLength-2))
	m, err := message.Encode(message.ExpireHold{OrderID: id, ConcertID: "concert", Group: "a", RowVersion: 1}, "trace-1")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func rebuild(t *testing.T) message.Encoded {
	t.Helper()
	m, err := message.Encode(message.RebuildGroup{ConcertID: "concert", Group: "a", CommandID: "c1"}, "")
	if err != nil {
		t.Fatal(err)
	}
	return m
}
