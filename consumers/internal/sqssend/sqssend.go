// Package sqssend is the SQS adapter of the consumers: it sends messages, gives back those of a batch, and copies
// poison to a dead-letter queue. Safe for concurrent use.
package sqssend

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
)

// timeoutPerCall bounds one SQS call, the SDK's own second attempt included. SQS answers in tens of milliseconds; a
// handler has 5 s, and what it does not spend on a hanging call it needs to return its messages.
const timeoutPerCall = 1500 * time.Millisecond

// maxEntries is what SQS takes in one batch call. Its 1 MiB a call is far away: a message is about 1 KB.
const maxEntries = 10

// Client is the part of *sqs.Client that is used.
type Client interface {
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
	SendMessageBatch(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
}

// Sender sends to the queues that it has an address of.
type Sender struct {
	client  Client
	urls    map[message.Queue]string
	breaker retry.Breaker
	timeout time.Duration
}

// New makes a Sender. The breaker should count as Healthy says.
func New(client Client, urls map[message.Queue]string, breaker retry.Breaker) *Sender {
	return &Sender{client: client, urls: urls, breaker: breaker, timeout: timeoutPerCall}
}

// ErrNoAddress says that a message goes to a queue that this function was given no URL of.
var ErrNoAddress = errors.New("queue has no address here")

// Send sends messages, those of one queue together, in their order, at most 10 a call. A nil error means that SQS
// has all of them. After an error some may have been sent: the caller sends all again, and deduplication drops those of
// the last 5 minutes. One that failed then comes behind a later one of its group, so only messages that bear
// that may share a Send. An entry that SQS will not take at all is a *RejectedError; everything else may pass later.
func (s *Sender) Send(ctx context.Context, messages ...message.Encoded) error {
	byQueue := map[message.Queue][]message.Encoded{}
	var queues []message.Queue
	for _, m := range messages {
		if _, known := s.urls[m.Queue]; !known {
			return fmt.Errorf("send %s to %s: %w", m.Attributes.Kind, m.Queue, ErrNoAddress)
		}
		if _, seen := byQueue[m.Queue]; !seen {
			queues = append(queues, m.Queue)
		}
		byQueue[m.Queue] = append(byQueue[m.Queue], m)
	}
	for _, queue := range queues {
		for rest := byQueue[queue]; len(rest) > 0; {
			n := min(len(rest), maxEntries)
			if err := s.sendBatch(ctx, queue, rest[:n]); err != nil {
				return fmt.Errorf("send to %s: %w", queue, err)
			}
			rest = rest[n:]
		}
	}
	return nil
}

func (s *Sender) sendBatch(ctx context.Context, queue message.Queue, messages []message.Encoded) error {
	entries := make([]types.SendMessageBatchRequestEntry, len(messages))
	for i, m := range messages {
		entries[i] = types.SendMessageBatchRequestEntry{
			Id:                     aws.String(strconv.Itoa(i)),
			MessageBody:            aws.String(m.Body),
			MessageGroupId:         aws.String(m.Route.Group),
			MessageDeduplicationId: aws.String(m.DeduplicationID),
			MessageAttributes:      attributesOf(m.Attributes.Map()),
		}
	}
	return s.call(ctx, func(ctx context.Context) error {
		out, err := s.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: aws.String(s.urls[queue]), Entries: entries})
		if err != nil {
			return fmt.Errorf("SendMessageBatch: %w", err)
		}
		return failedEntries("SendMessageBatch", out.Failed, len(out.Successful), len(entries))
	})
}

// Copy puts a received message into the dead-letter queue at url: its body, its attributes and the reason, under its own
// group. The message id is the deduplication id, as when SQS itself moves a message, so that a repeated copy is one.
func (s *Sender) Copy(ctx context.Context, url string, d message.Delivery, reason string) error {
	attributes := d.Attributes.Map()
	if reason != "" {
		attributes[message.AttributeReason] = reason
	}
	group := d.Group
	if group == "" {
		// A FIFO queue takes no message without a group. Alone it orders nothing.
		group = d.MessageID
	}
	return s.call(ctx, func(ctx context.Context) error {
		_, err := s.client.SendMessage(ctx, &sqs.SendMessageInput{
			QueueUrl:               aws.String(url),
			MessageBody:            aws.String(d.Body),
			MessageGroupId:         aws.String(group),
			MessageDeduplicationId: aws.String(d.MessageID),
			MessageAttributes:      attributesOf(attributes),
		})
		if err != nil {
			return fmt.Errorf("copy %s to dead letters: SendMessage: %w", d.MessageID, err)
		}
		return nil
	})
}

// call puts the timeout and the breaker around one SQS call.
func (s *Sender) call(ctx context.Context, op func(context.Context) error) error {
	return s.breaker.Do(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, s.timeout)
		defer cancel()
		return op(ctx)
	})
}

func attributesOf(values map[string]string) map[string]types.MessageAttributeValue {
	attributes := make(map[string]types.MessageAttributeValue, len(values))
	for name, value := range values {
		attributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
	}
	return attributes
}
