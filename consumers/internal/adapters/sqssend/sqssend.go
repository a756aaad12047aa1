// Package sqssend is the SQS adapter of the consumers: it sends messages, returns messages of a batch to their queue, and
// copies poison to a dead-letter queue. Everything is safe for concurrent use.
package sqssend

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
)

// timeoutPerCall bounds one SQS call with its second attempt. SQS answers in tens of milliseconds. A handler has 5 s, and
// needs the rest to return its messages when a call hangs.
const timeoutPerCall = 1500 * time.Millisecond

// maxEntries bounds the entries of one batch call. The limit of 1 MiB a call is not reached: a message is about 1 KB.
const maxEntries = 10

// Client is the part of *sqs.Client that is used.
type Client interface {
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
	SendMessageBatch(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

// Sender sends to the queues whose URLs it has.
type Sender struct {
	client  Client
	urls    map[message.Queue]string
	breaker retry.Breaker
	timeout time.Duration
}

// New makes a Sender. The breaker should use Healthy as its IsSuccessful.
func New(client Client, urls map[message.Queue]string, breaker retry.Breaker) *Sender {
	return &Sender{client: client, urls: urls, breaker: breaker, timeout: timeoutPerCall}
}

// ErrNoAddress means that this function was given no URL for the queue of a message.
var ErrNoAddress = errors.New("this function has no URL for the queue")

// Send sends messages, those of one queue together, in their order, at most 10 a call. It blocks for at most 1.5 s a call.
// A nil error means that SQS has all of them. After an error some may have been sent: the caller sends all of them again,
// and deduplication drops those of the last 5 minutes. A message that failed may then come behind a later one of its group,
// so only messages that allow this may share a Send. An entry that SQS refuses for its content is a *RejectedError; any
// other error may pass.
func (s *Sender) Send(ctx context.Context, messages ...message.Encoded) error {
	if err := s.addressed(messages); err != nil {
		return err
	}
	return s.sendAll(ctx, [][]message.Encoded{messages})[0]
}

// addressed returns an error, before anything is sent, if a queue has no URL.
func (s *Sender) addressed(messages []message.Encoded) error {
	for _, m := range messages {
		if _, known := s.urls[m.Queue]; !known {
			return fmt.Errorf("send %s to %s: %w", m.Attributes.Kind, m.Queue, ErrNoAddress)
		}
	}
	return nil
}

// entry is a message with the index of its caller.
type entry struct {
	message.Encoded
	owner int
}

// sendAll sends the messages of several callers in as few calls as possible and returns an error for each caller. A failed
// entry is an error of its caller only, and nothing more of that caller is sent.
func (s *Sender) sendAll(ctx context.Context, callers [][]message.Encoded) []error {
	byQueue := map[message.Queue][]entry{}
	var queues []message.Queue
	for owner, messages := range callers {
		for _, m := range messages {
			if _, seen := byQueue[m.Queue]; !seen {
				queues = append(queues, m.Queue)
			}
			byQueue[m.Queue] = append(byQueue[m.Queue], entry{Encoded: m, owner: owner})
		}
	}
	failed := make([]error, len(callers))
	for _, queue := range queues {
		for rest := byQueue[queue]; len(rest) > 0; {
			var chunk []entry
			if chunk, rest = next(rest, failed); len(chunk) == 0 {
				break
			}
			for i, err := range s.sendBatch(ctx, queue, chunk) {
				// The error of a whole call is reported once, not once an entry.
				if err != nil && !errors.Is(failed[chunk[i].owner], err) {
					failed[chunk[i].owner] = errors.Join(failed[chunk[i].owner], fmt.Errorf("send to %s: %w", queue, err))
				}
			}
		}
	}
	return failed
}

// next returns up to maxEntries entries of callers that have not failed, and the rest.
func next(entries []entry, failed []error) (chunk, rest []entry) {
	for i, e := range entries {
		if len(chunk) == maxEntries {
			return chunk, entries[i:]
		}
		if failed[e.owner] == nil {
			chunk = append(chunk, e)
		}
	}
	return chunk, nil
}

// sendBatch makes one call and returns an error for each entry. If the call itself fails, all entries get its error.
func (s *Sender) sendBatch(ctx context.Context, queue message.Queue, chunk []entry) []error {
	entries := make([]types.SendMessageBatchRequestEntry, len(chunk))
	for i, m := range chunk {
		entries[i] = types.SendMessageBatchRequestEntry{
			Id:                     aws.String(strconv.Itoa(i)),
			MessageBody:            aws.String(m.Body),
			MessageGroupId:         ifSet(m.Route.Group),
			MessageDeduplicationId: ifSet(m.DeduplicationID),
			MessageAttributes:      attributesOf(m.Attributes.Map()),
		}
	}
	var answers []error
	err := s.breaker.Do(ctx, func(ctx context.Context) error {
		var out *sqs.SendMessageBatchOutput
		if err := s.try(ctx, func(ctx context.Context) (err error) {
			out, err = s.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: aws.String(s.urls[queue]), Entries: entries})
			return err
		}); err != nil {
			return fmt.Errorf("SendMessageBatch: %w", err)
		}
		// Failed entries of an answered call are not repeated here: the caller sends them again, so that its later messages
		// do not overtake them.
		answers = entryErrors("SendMessageBatch", out, len(entries))
		return errors.Join(answers...)
	})
	if answers == nil {
		answers = make([]error, len(chunk))
		for i := range answers {
			answers[i] = err
		}
	}
	return answers
}

// Copy sends a received message to the dead-letter queue at url: its body, its attributes and the reason, in its own group.
// The deduplication id is the message id, as when SQS itself moves a message, so a repeat within 5 minutes sends nothing
// more. A standard queue has neither, so a repeat sends a second copy there.
func (s *Sender) Copy(ctx context.Context, url string, d message.Delivery, reason string) error {
	attributes := d.Attributes.Map()
	if reason != "" {
		attributes[message.AttributeReason] = reason
	}
	var group, deduplicationID string
	if fifo(url) {
		// A FIFO queue requires a group. A message without one is alone in its group, so it orders nothing.
		group, deduplicationID = cmp.Or(d.Group, d.MessageID), d.MessageID
	}
	err := s.breaker.Do(ctx, func(ctx context.Context) error {
		return s.try(ctx, func(ctx context.Context) error {
			_, err := s.client.SendMessage(ctx, &sqs.SendMessageInput{
				QueueUrl:               aws.String(url),
				MessageBody:            aws.String(d.Body),
				MessageGroupId:         ifSet(group),
				MessageDeduplicationId: ifSet(deduplicationID),
				MessageAttributes:      attributesOf(attributes),
			})
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("copy %s to dead letters: SendMessage: %w", d.MessageID, err)
	}
	return nil
}

// fifo reports whether a URL is that of a FIFO queue, whose name ends in .fifo.
func fifo(url string) bool { return strings.HasSuffix(url, ".fifo") }

// ifSet returns a parameter that SQS refuses for a standard queue.
func ifSet(text string) *string {
	if text == "" {
		return nil
	}
	return aws.String(text)
}

// try makes one call of SQS, bounded by the timeout. A second attempt is the same send: its messages have deduplication
// ids.
func (s *Sender) try(ctx context.Context, op func(context.Context) error) error {
	return awsclient.Try(ctx, s.timeout, op)
}

func attributesOf(values map[string]string) map[string]types.MessageAttributeValue {
	attributes := make(map[string]types.MessageAttributeValue, len(values))
	for name, value := range values {
		attributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
	}
	return attributes
}
