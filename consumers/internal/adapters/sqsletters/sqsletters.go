// Package sqsletters drains a dead-letter queue for reconcile.
package sqsletters

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/consumers/internal/reconcile"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// timeoutPerCall bounds one call with its second attempt.
const timeoutPerCall = 3 * time.Second

// maxMessages bounds the messages that SQS returns in one call, maxVisibility the visibility timeout that it accepts.
const (
	maxMessages   = 10
	maxVisibility = 12 * time.Hour
)

// Queue is one dead-letter queue. It is safe for concurrent use; each call blocks for at most 3 s.
type Queue struct {
	client  *sqs.Client
	name    string
	url     string
	breaker retry.Breaker
}

var _ reconcile.DeadLetterQueue = (*Queue)(nil)

// New makes a Queue.
func New(client *sqs.Client, name, url string, breaker retry.Breaker) *Queue {
	return &Queue{client: client, name: name, url: url, breaker: breaker}
}

// Name implements reconcile.DeadLetterQueue.
func (q *Queue) Name() string { return q.name }

func (q *Queue) call(ctx context.Context, op func(context.Context) error) error {
	return q.breaker.Do(ctx, func(ctx context.Context) error { return awsclient.Try(ctx, timeoutPerCall, op) })
}

// Receive returns up to ten letters. It does not wait for one to arrive. A letter that is neither deleted nor postponed is
// visible again after the queue's visibility timeout.
func (q *Queue) Receive(ctx context.Context) ([]reconcile.Letter, error) {
	var out *sqs.ReceiveMessageOutput
	err := q.call(ctx, func(ctx context.Context) (err error) {
		out, err = q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: aws.String(q.url), MaxNumberOfMessages: maxMessages, WaitTimeSeconds: 0,
			MessageAttributeNames:       []string{"All"},
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("receive: %w", err)
	}
	letters := make([]reconcile.Letter, len(out.Messages))
	for i, m := range out.Messages {
		letters[i] = letterOf(m)
	}
	return letters, nil
}

func letterOf(m types.Message) reconcile.Letter {
	attributes := make(map[string]string, len(m.MessageAttributes))
	for name, value := range m.MessageAttributes {
		attributes[name] = aws.ToString(value.StringValue)
	}
	sentAt, err := strconv.ParseInt(m.Attributes["SentTimestamp"], 10, 64)
	if err != nil {
		sentAt = 0 // the server did not say
	}
	receives, err := strconv.Atoi(m.Attributes["ApproximateReceiveCount"])
	if err != nil {
		receives = 0
	}
	return reconcile.Letter{
		Delivery: message.Delivery{
			MessageID: aws.ToString(m.MessageId), SequenceNumber: m.Attributes["SequenceNumber"], Group: m.Attributes["MessageGroupId"],
			SentAt: contracts.Instant(sentAt), ReceiveCount: receives, Attributes: message.AttributesOf(attributes), Body: aws.ToString(m.Body),
		},
		Receipt: aws.ToString(m.ReceiptHandle),
		Reason:  attributes[message.AttributeReason],
	}
}

// Delete deletes a letter from the queue for good. It is safe to repeat.
func (q *Queue) Delete(ctx context.Context, letter reconcile.Letter) error {
	return q.call(ctx, func(ctx context.Context) error {
		_, err := q.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: aws.String(q.url), ReceiptHandle: aws.String(letter.Receipt)})
		return err
	})
}

// Postpone sets the visibility timeout of a received letter: whole seconds, rounded down, from 0 to 12 hours. The breaker
// does not count its failures: a letter that is not postponed is only visible sooner.
func (q *Queue) Postpone(ctx context.Context, letter reconcile.Letter, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeoutPerCall)
	defer cancel()
	seconds := int32(min(max(d, 0), maxVisibility) / time.Second)
	_, err := q.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: aws.String(q.url), ReceiptHandle: aws.String(letter.Receipt), VisibilityTimeout: seconds,
	})
	if err != nil {
		return fmt.Errorf("change visibility: %w", err)
	}
	return nil
}
