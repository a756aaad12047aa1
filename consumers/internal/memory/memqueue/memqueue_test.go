package memqueue_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/consumers/internal/adapters/sqssend"
	"boxoffice/consumers/internal/memory/memqueue"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/ministacktest"
	"boxoffice/consumers/internal/testkit/queuetest"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

func TestMain(m *testing.M) { os.Exit(ministacktest.Run(m)) }

func TestConformance(t *testing.T) {
	t.Run("memory", func(t *testing.T) { queuetest.Exercise(t, memory(0)) })
	// On a busy machine time passes between any two steps; the suite must not take that for a broken promise.
	for _, step := range []time.Duration{7 * time.Millisecond, 60 * time.Millisecond, 250 * time.Millisecond} {
		t.Run("memory, each reading of the clock takes "+step.String(), func(t *testing.T) { queuetest.Exercise(t, memory(step)) })
	}
	t.Run("SQS", func(t *testing.T) { queuetest.Exercise(t, server(t)) })
}

// memory has a clock that advances by step at each reading.
func memory(step time.Duration) queuetest.Backend {
	var mu sync.Mutex
	at := time.UnixMilli(1_790_000_000_000)
	now := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		at = at.Add(step)
		return at
	}
	return queuetest.Backend{
		Now: now,
		Pass: func(d time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			at = at.Add(d)
		},
		Open: func(_ *testing.T, c queuetest.Config) (q, dead queuetest.Queue) {
			letters := memqueue.New(memqueue.Options{Name: "dead", Visibility: c.Visibility, Now: now})
			return memqueue.New(memqueue.Options{
				Name: "orders", Visibility: c.Visibility, Delay: c.Delay, MaxReceives: c.MaxReceives, DeadLetters: letters, Now: now,
			}), letters
		},
	}
}

// server is the emulator. A real SQS would be checked against all promises but those that take too long.
func server(t *testing.T) queuetest.Backend {
	ministacktest.Setenv(t)
	cfg, err := awsclient.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client := sqs.NewFromConfig(cfg)
	sender := sqssend.New(client, nil, retry.NoBreaker{})
	queues := 0
	create := func(t *testing.T, c queuetest.Config, dead string) sqsQueue {
		queues++
		attributes := map[string]string{
			"FifoQueue": "true", "DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId",
			"VisibilityTimeout": seconds(c.Visibility), "DelaySeconds": seconds(c.Delay),
		}
		if dead != "" {
			attributes["RedrivePolicy"] = fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, dead, c.MaxReceives)
		}
		out, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(fmt.Sprintf("queue-%d.fifo", queues)), Attributes: attributes})
		if err != nil {
			t.Fatal(err)
		}
		return sqsQueue{Queue: sender.At(*out.QueueUrl), client: client, url: out.QueueUrl}
	}
	return queuetest.Backend{
		Now: time.Now,
		// The suite repeats the receive after it, until the messages are there.
		Pass: func(d time.Duration) { <-time.After(d) },
		Open: func(t *testing.T, c queuetest.Config) (q, dead queuetest.Queue) {
			if c.MaxReceives == 0 {
				return create(t, c, ""), nil
			}
			letters := create(t, queuetest.Config{Visibility: c.Visibility}, "")
			out, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
				QueueUrl: letters.url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn},
			})
			if err != nil {
				t.Fatal(err)
			}
			return create(t, c, out.Attributes["QueueArn"]), letters
		},
		Deviates: map[string]string{
			queuetest.OneGroupFirst:           "the emulator goes by the time of the send across groups (SQS developer guide, FIFO delivery logic)",
			queuetest.ForgetsAfterFiveMinutes: "a server's five minutes are not waited for (SQS developer guide, FIFO queue key terms)",
			queuetest.ExpiredDeletesNothing:   "the emulator deletes, SQS refuses with InvalidParameterValue (re:Post, sqs-receipt-handle-error)",
			queuetest.ExpiredReturnsNothing:   "the emulator returns, SQS refuses with MessageNotInflight (SQS API reference, ChangeMessageVisibility)",
		},
	}
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

// sqsQueue is a queue of the server; sqssend returns its messages.
type sqsQueue struct {
	*sqssend.Queue
	client *sqs.Client
	url    *string
}

func (q sqsQueue) Send(ctx context.Context, m message.Encoded) (memqueue.Sent, error) {
	attributes := map[string]types.MessageAttributeValue{}
	for name, value := range m.Attributes.Map() {
		attributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
	}
	out, err := q.client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: q.url, MessageBody: &m.Body, MessageGroupId: &m.Group, MessageDeduplicationId: &m.DeduplicationID, MessageAttributes: attributes,
	})
	if err != nil {
		return memqueue.Sent{}, err
	}
	return memqueue.Sent{MessageID: *out.MessageId, SequenceNumber: *out.SequenceNumber}, nil
}

func (q sqsQueue) Receive(ctx context.Context, limit int) ([]memqueue.Message, error) {
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: q.url, MaxNumberOfMessages: int32(limit), MessageAttributeNames: []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})
	if err != nil {
		return nil, err
	}
	var all []memqueue.Message
	for _, m := range out.Messages {
		attributes := map[string]string{}
		for name, value := range m.MessageAttributes {
			attributes[name] = aws.ToString(value.StringValue)
		}
		receives, err := strconv.Atoi(m.Attributes["ApproximateReceiveCount"])
		if err != nil {
			return nil, err
		}
		sentAt, err := strconv.ParseInt(m.Attributes["SentTimestamp"], 10, 64)
		if err != nil {
			return nil, err
		}
		all = append(all, memqueue.Message{Receipt: *m.ReceiptHandle, Delivery: message.Delivery{
			MessageID: *m.MessageId, SequenceNumber: m.Attributes["SequenceNumber"], Group: m.Attributes["MessageGroupId"],
			SentAt: contracts.Instant(sentAt), ReceiveCount: receives, Attributes: message.AttributesOf(attributes), Body: *m.Body,
		}})
	}
	return all, nil
}

func (q sqsQueue) Delete(ctx context.Context, receipt string) error {
	_, err := q.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: q.url, ReceiptHandle: &receipt})
	return err
}
