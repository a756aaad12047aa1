package streamsource

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"boxoffice/contracts/telemetry"
)

// failurePause is the pause after a failed read.
const failurePause = time.Second

// readShard reads one shard until it or ctx ends, and returns when its lanes have handled everything that was read.
func (s *Source) readShard(ctx context.Context, id string) {
	s.counts.shards.Add(1)
	defer s.counts.shards.Add(-1)
	lanes := s.newLanes(ctx, id)
	defer lanes.finish()
	p := position{shard: id}
	for ctx.Err() == nil {
		ended, err := s.readFrom(ctx, &p, lanes)
		if ended {
			return
		}
		if err == nil {
			continue
		}
		var expired *types.ExpiredIteratorException
		var trimmed *types.TrimmedDataAccessException
		var gone *types.ResourceNotFoundException
		switch {
		case errors.As(err, &expired):
			continue
		case errors.As(err, &trimmed):
			// The records after our position are lost. The only option is to continue with the oldest record left.
			s.options.Logger.Error("a stream lost records that were not handled in time", telemetry.KeyFunction, s.options.Function, telemetry.KeyDependency, s.options.Table)
			p.last = ""
			continue
		case errors.As(err, &gone):
			s.pollFailed(ctx, err)
			return
		}
		s.pollFailed(ctx, err)
		if !sleep(ctx, failurePause) {
			return
		}
	}
}

// position is the last record of a shard that was given to the lanes; an empty last means none.
type position struct {
	shard, last string
}

// readFrom gets a new iterator and reads until the shard ends, a call fails, or ctx ends.
func (s *Source) readFrom(ctx context.Context, p *position, to *lanes) (ended bool, err error) {
	input := &dynamodbstreams.GetShardIteratorInput{StreamArn: &s.arn, ShardId: &p.shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon}
	if p.last != "" {
		input.ShardIteratorType, input.SequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, &p.last
	}
	start, err := s.streams.GetShardIterator(ctx, input)
	if err != nil {
		return false, fmt.Errorf("shard iterator: %w", err)
	}
	limit := min(maxRead, s.options.BatchSize*s.options.ParallelizationFactor)
	for iterator := start.ShardIterator; iterator != nil; {
		records, next, err := s.get(ctx, iterator, limit)
		if err != nil {
			return false, err
		}
		if len(records) > 0 {
			if !to.put(ctx, records) {
				return false, nil
			}
			p.last = aws.ToString(records[len(records)-1].Dynamodb.SequenceNumber)
		}
		// After a full read there are probably more records.
		if len(records) < limit && next != nil && !sleep(ctx, s.options.Pause) {
			return false, nil
		}
		iterator = next
	}
	return true, nil
}

// maxRead is DynamoDB's limit of records in one read.
const maxRead = 1000

// get reads up to limit records.
func (s *Source) get(ctx context.Context, iterator *string, limit int) (records []types.Record, next *string, err error) {
	s.counts.polls.Add(1)
	out, err := s.streams.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: iterator, Limit: aws.Int32(int32(limit))}) //nolint:gosec // at most 1000
	if err != nil {
		return nil, nil, fmt.Errorf("read records: %w", err)
	}
	return out.Records, out.NextShardIterator, nil
}
