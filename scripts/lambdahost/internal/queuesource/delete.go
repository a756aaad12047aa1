package queuesource

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// deleteAttempts and deleteTimeout bound the deletion of handled messages.
const (
	deleteAttempts = 3
	deleteTimeout  = 10 * time.Second
)

// delete repeats the deletions of single messages for which SQS reports a fault of its own. The SDK repeats a request that failed
// as a whole.
func (s *Source) delete(ctx context.Context, messages []types.Message) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteTimeout)
	defer cancel()
	var refused, again error
	for range deleteAttempts {
		if len(messages) == 0 {
			break
		}
		out, err := s.client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &s.options.QueueURL, Entries: deleteEntries(messages)})
		if err != nil {
			s.counts.deleteFailures.Add(int64(len(messages)))
			return errors.Join(refused, fmt.Errorf("delete: %w", err))
		}
		s.counts.deleteFailures.Add(int64(len(out.Failed)))
		again = nil
		var rest []types.Message
		for _, f := range out.Failed {
			failure := fmt.Errorf("delete: %s: %s", aws.ToString(f.Code), aws.ToString(f.Message))
			i, err := strconv.Atoi(aws.ToString(f.Id))
			if err != nil || i < 0 || i >= len(messages) || f.SenderFault {
				// The sender's faults, such as an expired receipt handle, do not pass.
				refused = errors.Join(refused, failure)
				continue
			}
			again = errors.Join(again, failure)
			rest = append(rest, messages[i])
		}
		messages = rest
	}
	return errors.Join(refused, again)
}

func deleteEntries(messages []types.Message) []types.DeleteMessageBatchRequestEntry {
	entries := make([]types.DeleteMessageBatchRequestEntry, len(messages))
	for i, m := range messages {
		entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle}
	}
	return entries
}
