package streamsource

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"boxoffice/contracts/telemetry"
	"boxoffice/scripts/lambdahost/internal/runtimeapi"
)

// deliver invokes the function until all records, in order, are handled or given up. It returns false if ctx ended before that.
func (s *Source) deliver(ctx context.Context, shard string, records []types.Record) bool {
	return s.try(ctx, &batch{shard: shard, records: records, delay: s.options.RetryDelay})
}

// batch is a set of records with the state of their delivery.
type batch struct {
	shard   string
	records []types.Record
	// attempts are the invocations that count: halving a batch costs none. invoked counts all invocations.
	attempts, invoked int
	delay             time.Duration
	// failure is the error of the last invocation; nil for a partial failure.
	failure error
}

func (s *Source) try(ctx context.Context, b *batch) bool {
	for {
		if !s.dropOld(ctx, b) {
			return false
		}
		if len(b.records) == 0 {
			return true
		}
		done, err := s.invoke(ctx, b.records)
		if err == nil && done == len(b.records) {
			return true
		}
		if !runtimeapi.MayBeInvokedLater(err) {
			b.failure = err
			b.invoked++
			if s.options.BisectOnError && err != nil && len(b.records) > 1 {
				return s.bisect(ctx, b)
			}
			b.attempts++
		}
		if done > 0 {
			b.records, b.delay = b.records[done:], s.options.RetryDelay
		}
		if s.options.Attempts > 0 && b.attempts >= s.options.Attempts {
			return s.giveUp(ctx, *b, conditionAttempts)
		}
		reason := "partial failure"
		if err != nil {
			reason = err.Error()
		}
		s.options.Logger.Warn("a batch of a stream failed; it is tried again", telemetry.KeyFunction, s.options.Function, telemetry.KeyDependency, s.options.Table,
			telemetry.KeyError, reason, telemetry.KeyRetryIn, telemetry.Milliseconds(b.delay))
		if !sleep(ctx, b.delay) {
			return false
		}
		b.delay = min(2*b.delay, s.options.MaxRetryDelay)
	}
}

// bisect tries a batch in halves. The second half waits for the first, so that the order holds.
func (s *Source) bisect(ctx context.Context, b *batch) bool {
	half := len(b.records) / 2
	for _, records := range [][]types.Record{b.records[:half], b.records[half:]} {
		if !s.try(ctx, &batch{shard: b.shard, records: records, attempts: b.attempts, invoked: b.invoked, delay: s.options.RetryDelay, failure: b.failure}) {
			return false
		}
	}
	return true
}

// dropOld gives up the records at the head of a batch that are too old; records are in the order in which they were written.
func (s *Source) dropOld(ctx context.Context, b *batch) bool {
	if s.options.MaximumAge <= 0 {
		return true
	}
	oldest := s.options.Now().Add(-s.options.MaximumAge)
	n := 0
	for n < len(b.records) && arrival(b.records[n]).Before(oldest) {
		n++
	}
	if n == 0 {
		return true
	}
	old := *b
	old.records, b.records = b.records[:n], b.records[n:]
	return s.giveUp(ctx, old, conditionAge)
}

func arrival(r types.Record) time.Time { return aws.ToTime(r.Dynamodb.ApproximateCreationDateTime) }

// giveUp sends a letter about records and continues without them. Lambda drops the letter if the destination does not accept it;
// here it is sent again until the destination accepts it. giveUp returns false if ctx ended before that.
func (s *Source) giveUp(ctx context.Context, b batch, condition string) bool {
	s.counts.givenUp.Add(int64(len(b.records)))
	log := s.options.Logger.With(telemetry.KeyFunction, s.options.Function, telemetry.KeyDependency, s.options.Table, telemetry.KeyShard, b.shard)
	log.Error("records of a stream are given up", telemetry.KeyReason, condition, telemetry.KeyCount, len(b.records),
		telemetry.KeySequence, aws.ToString(b.records[0].Dynamodb.SequenceNumber))
	if s.options.Destination == nil {
		return true
	}
	letter, err := s.letter(b, condition)
	if err != nil {
		log.Error("a letter about records cannot be encoded", telemetry.KeyError, err.Error())
		return true
	}
	for delay := s.options.RetryDelay; ; delay = min(2*delay, s.options.MaxRetryDelay) {
		err := s.options.Destination.Send(ctx, letter)
		if err == nil {
			s.counts.letters.Add(1)
			return true
		}
		log.Warn("a letter about records was not sent; it is tried again", telemetry.KeyError, err.Error(), telemetry.KeyRetryIn, telemetry.Milliseconds(delay))
		if !sleep(ctx, delay) {
			return false
		}
	}
}

// invoke returns the number of records that are done, counted from the first.
func (s *Source) invoke(ctx context.Context, records []types.Record) (int, error) {
	payload, err := encodeEvent(records, s.arn)
	if err != nil {
		return 0, err
	}
	// An invocation under way when ctx ends is not cancelled: the function has its own timeout.
	response, err := s.target.Invoke(context.WithoutCancel(ctx), payload, 0)
	if runtimeapi.MayBeInvokedLater(err) {
		return 0, err
	}
	s.counts.batches.Add(1)
	s.counts.records.Add(int64(len(records)))
	if err != nil {
		s.counts.batchFailures.Add(1)
		return 0, err
	}
	done, err := firstFailure(response, records)
	if err != nil || done < len(records) {
		s.counts.batchFailures.Add(1)
	}
	return done, err
}

// firstFailure reads ReportBatchItemFailures: the next try begins at the lowest sequence number in it. A response without
// failures means that all records are done. One that cannot be read, or names an unknown record, fails the batch.
func firstFailure(payload []byte, records []types.Record) (int, error) {
	if len(strings.TrimSpace(string(payload))) == 0 {
		return len(records), nil
	}
	// Maps, because a struct would also accept member names that differ in case, and AWS does not.
	var response map[string]json.RawMessage
	if err := json.Unmarshal(payload, &response); err != nil {
		return 0, fmt.Errorf("the function's response: %w", err)
	}
	var reported []map[string]*string
	if list := response["batchItemFailures"]; list != nil {
		if err := json.Unmarshal(list, &reported); err != nil {
			return 0, fmt.Errorf("the function's response: %w", err)
		}
	}
	place := make(map[string]int, len(records))
	for i, r := range records {
		place[aws.ToString(r.Dynamodb.SequenceNumber)] = i
	}
	first := len(records)
	for _, f := range reported {
		id := aws.ToString(f["itemIdentifier"])
		i, ok := place[id]
		if id == "" || !ok {
			return 0, fmt.Errorf("the function's response names %q, which is not in the batch", id)
		}
		first = min(first, i)
	}
	return first, nil
}
