package streamsource

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// get reads up to limit records.
func (s *Source) get(ctx context.Context, iterator *string, limit int) (records []types.Record, next *string, err error) {
	s.counts.polls.Add(1)
	out, err := s.streams.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: iterator, Limit: aws.Int32(int32(limit))}) //nolint:gosec // at most 1000
	if err != nil {
		return nil, nil, fmt.Errorf("read records: %w", err)
	}
	return out.Records, out.NextShardIterator, nil
}

// gather reads on from the first records of a batch until the batch is full, the window is over since they came, or the shard
// ends. What was gathered before a read failed, or before ctx ended, is the batch; the error comes with it.
func (s *Source) gather(ctx context.Context, records []types.Record, iterator *string) ([]types.Record, *string, error) {
	begun := time.Now()
	for iterator != nil && len(records) < s.options.BatchSize {
		rest := s.options.Window - time.Since(begun)
		if rest <= 0 || !sleep(ctx, min(rest, s.options.Pause)) {
			return records, iterator, nil
		}
		more, next, err := s.get(ctx, iterator, s.options.BatchSize-len(records))
		if err != nil {
			return records, iterator, err
		}
		records, iterator = append(records, more...), next
	}
	return records, iterator, nil
}
