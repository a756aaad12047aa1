// Package sqssend sends messages to their queues. A nil error means that SQS has the message; after an error it may have it all
// the same. Each call takes at most 3 s; while SQS fails, a breaker refuses calls at once.
package sqssend

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/contracts/message"
	"boxoffice/producers/internal/breaker"
)

// timeoutPerCall bounds one send with the SDK's own retries. A retry is safe: SQS drops it by its deduplication id, and a message of
// a standard queue, which has none, may come twice anyway.
const timeoutPerCall = 3 * time.Second

// Sender is safe for concurrent use.
type Sender struct {
	client  *sqs.Client
	urls    map[message.Queue]string
	breaker *breaker.Breaker
}

// New makes a Sender. urls has the address of each queue that messages may be sent to.
func New(client *sqs.Client, urls map[message.Queue]string) *Sender {
	return &Sender{client: client, urls: urls, breaker: breaker.ForAWS("sqs")}
}

// Send sends one message to its queue and blocks until SQS has it, the call fails, or ctx ends.
func (s *Sender) Send(ctx context.Context, m message.Encoded) error {
	url, known := s.urls[m.Queue]
	if !known {
		return fmt.Errorf("send: no URL for queue %q", m.Queue)
	}
	attributes := map[string]types.MessageAttributeValue{}
	for name, value := range m.Attributes.Map() {
		attributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
	}
	in := &sqs.SendMessageInput{QueueUrl: aws.String(url), MessageBody: aws.String(m.Body), MessageAttributes: attributes}
	// A message of a standard queue has neither, and SQS refuses both where they are empty.
	if m.Group != "" {
		in.MessageGroupId = aws.String(m.Group)
	}
	if m.DeduplicationID != "" {
		in.MessageDeduplicationId = aws.String(m.DeduplicationID)
	}
	err := s.breaker.Do(ctx, timeoutPerCall, func(ctx context.Context) error {
		_, err := s.client.SendMessage(ctx, in)
		return err
	})
	if err != nil {
		return fmt.Errorf("send to %s: %w", m.Queue, err)
	}
	return nil
}
