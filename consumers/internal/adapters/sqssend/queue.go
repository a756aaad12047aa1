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

	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/contracts/message"
)

// maxVisibility bounds a visibility timeout of SQS.
const maxVisibility = 12 * time.Hour

// Queue is one queue: the source of a batch, or a dead-letter queue.
type Queue struct {
	sender *Sender
	url    string
}

var _ sqsbatch.Queue = (*Queue)(nil)

// At returns the queue at a URL.
func (s *Sender) At(url string) *Queue { return &Queue{sender: s, url: url} }

// Copy is Sender.Copy to this queue.
func (q *Queue) Copy(ctx context.Context, d message.Delivery, reason string) error {
	return q.sender.Copy(ctx, q.url, d, reason)
}

// ReturnAfter implements sqsbatch.Queue: one call for up to 10 receipts, in whole seconds, rounded up, from 0 to 12 hours.
// It tries all receipts; the error names each entry that failed.
func (q *Queue) ReturnAfter(ctx context.Context, receipts []sqsbatch.Receipt, d time.Duration) error {
	var problems []error
	for rest := receipts; len(rest) > 0; {
		n := min(len(rest), maxEntries)
		if err := q.changeVisibility(ctx, rest[:n], wholeSeconds(d)); err != nil {
			problems = append(problems, err)
		}
		rest = rest[n:]
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("return %d messages: %w", len(receipts), err)
	}
	return nil
}

func (q *Queue) changeVisibility(ctx context.Context, receipts []sqsbatch.Receipt, seconds int32) error {
	entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(receipts))
	for i, r := range receipts {
		entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), ReceiptHandle: aws.String(r.Handle), VisibilityTimeout: seconds,
		}
	}
	return q.sender.breaker.Do(ctx, func(ctx context.Context) error {
		var out *sqs.ChangeMessageVisibilityBatchOutput
		if err := q.sender.try(ctx, func(ctx context.Context) (err error) {
			out, err = q.sender.client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{
				QueueUrl: aws.String(q.url), Entries: entries,
			})
			return err
		}); err != nil {
			return fmt.Errorf("ChangeMessageVisibilityBatch: %w", err)
		}
		return failedEntries("ChangeMessageVisibilityBatch", out.Failed, len(out.Successful), len(entries))
	})
}

// Visibility reads the queue's visibility timeout: for how long it hides a received message that is neither returned nor
// deleted.
func (q *Queue) Visibility(ctx context.Context) (timeout time.Duration, err error) {
	var out *sqs.GetQueueAttributesOutput
	err = q.sender.breaker.Do(ctx, func(ctx context.Context) error {
		return q.sender.try(ctx, func(ctx context.Context) (err error) {
			out, err = q.sender.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
				QueueUrl: aws.String(q.url), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameVisibilityTimeout},
			})
			return err
		})
	})
	if err != nil {
		return 0, fmt.Errorf("GetQueueAttributes: %w", err)
	}
	seconds, err := strconv.Atoi(out.Attributes[string(types.QueueAttributeNameVisibilityTimeout)])
	if err != nil {
		return 0, fmt.Errorf("visibility timeout of %s: %w", q.url, err)
	}
	return time.Duration(seconds) * time.Second, nil
}

// wholeSeconds rounds up: a message must not be redelivered before the delay is over.
func wholeSeconds(d time.Duration) int32 {
	d = min(max(d, 0), maxVisibility)
	return int32((d + time.Second - 1) / time.Second)
}
