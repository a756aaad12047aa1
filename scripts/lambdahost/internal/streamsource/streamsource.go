// Package streamsource is the event source mapping of a DynamoDB stream: it reads every shard in order, a shard's
// children after it, and invokes a function with batches of records.
//
// A batch that fails is tried again until it succeeds; its shard waits meanwhile. The place in the stream is kept in
// memory only: each run starts at the oldest record that the stream still has, so records come again after a restart.
package streamsource

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"boxoffice/contracts/telemetry"
)

// Tables is what a mapping needs of DynamoDB.
type Tables interface {
	DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error)
}

// Streams is what a mapping needs of DynamoDB Streams.
type Streams interface {
	DescribeStream(context.Context, *dynamodbstreams.DescribeStreamInput, ...func(*dynamodbstreams.Options)) (*dynamodbstreams.DescribeStreamOutput, error)
	GetShardIterator(context.Context, *dynamodbstreams.GetShardIteratorInput, ...func(*dynamodbstreams.Options)) (*dynamodbstreams.GetShardIteratorOutput, error)
	GetRecords(context.Context, *dynamodbstreams.GetRecordsInput, ...func(*dynamodbstreams.Options)) (*dynamodbstreams.GetRecordsOutput, error)
}

// Target is the function. It is safe for concurrent use.
type Target interface {
	// Invoke waits for a free process, at most for wait if that is over 0, and then for the answer.
	Invoke(ctx context.Context, payload []byte, wait time.Duration) ([]byte, error)
}

// Options of a Source. The durations may be left out.
type Options struct {
	// Table is the table's name in this deployment; Function is a name for logs and status.
	Table, Function string
	// BatchSize is 1–1000.
	BatchSize int
	// Window is how long records are gathered for a batch that is not full, from its first on; 0 hands on what one read brought.
	Window time.Duration
	// BisectOnError halves a batch that failed as a whole.
	BisectOnError bool
	// Pause follows a read that brought nothing; default 250 ms, as AWS reads four times a second.
	Pause time.Duration
	// RetryDelay and MaxRetryDelay bound the growing pause before a failed batch is tried again; defaults 100 ms, 10 s.
	RetryDelay, MaxRetryDelay time.Duration
	// ListEvery is how often shards are listed; default 10 s. They are also listed when one ends.
	ListEvery time.Duration
	Logger    *slog.Logger
}

// Source is a mapping. Run may be called once.
type Source struct {
	options Options
	streams Streams
	target  Target
	arn     string
	counts  counts
}

type counts struct {
	polls, pollFailures, batches, batchFailures, records, shards atomic.Int64
}

// Status counts since the start. BatchFailures counts failed tries, partial failures included. Shards are those being
// read now.
type Status struct {
	Kind          string `json:"kind"`
	Name          string `json:"name"`
	Function      string `json:"function"`
	Polls         int64  `json:"polls"`
	PollFailures  int64  `json:"pollFailures"`
	Batches       int64  `json:"batches"`
	BatchFailures int64  `json:"batchFailures"`
	Records       int64  `json:"records"`
	Shards        int64  `json:"shards"`
}

// New finds the table's stream.
func New(ctx context.Context, tables Tables, streams Streams, target Target, options Options) (*Source, error) {
	if options.BatchSize < 1 || options.BatchSize > 1000 {
		return nil, fmt.Errorf("stream of table %s: batch size %d", options.Table, options.BatchSize)
	}
	out, err := tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &options.Table})
	if err != nil {
		return nil, fmt.Errorf("stream of table %s: %w", options.Table, err)
	}
	arn := aws.ToString(out.Table.LatestStreamArn)
	if arn == "" {
		return nil, fmt.Errorf("table %s has no stream", options.Table)
	}
	setDefault(&options.Pause, 250*time.Millisecond)
	setDefault(&options.RetryDelay, 100*time.Millisecond)
	setDefault(&options.MaxRetryDelay, 10*time.Second)
	setDefault(&options.ListEvery, 10*time.Second)
	return &Source{options: options, streams: streams, target: target, arn: arn}, nil
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// Status is safe to call at any time.
func (s *Source) Status() Status {
	c := &s.counts
	return Status{
		Kind: "stream", Name: s.options.Table, Function: s.options.Function, Polls: c.polls.Load(), PollFailures: c.pollFailures.Load(),
		Batches: c.batches.Load(), BatchFailures: c.batchFailures.Load(), Records: c.records.Load(), Shards: c.shards.Load(),
	}
}

// Run reads until ctx ends, and returns when the batches at work are done.
func (s *Source) Run(ctx context.Context) {
	var readers sync.WaitGroup
	defer readers.Wait()
	known := map[string]bool{} // shard to whether it has been read to its end
	ended := make(chan string)
	list := time.NewTimer(0)
	defer list.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-ended:
			known[id] = true
			list.Reset(0)
		case <-list.C:
			list.Reset(s.options.ListEvery)
			shards, err := s.list(ctx)
			if err != nil {
				s.pollFailed(ctx, err)
				continue
			}
			for _, id := range ready(shards, known) {
				known[id] = false
				readers.Go(func() {
					s.readShard(ctx, id)
					select {
					case ended <- id:
					case <-ctx.Done():
					}
				})
			}
		}
	}
}

// ready gives the shards that are not read yet and whose parent, where the stream still has it, has been read to its
// end: only so do the records of one item stay in order.
func ready(shards []types.Shard, known map[string]bool) []string {
	listed := make(map[string]bool, len(shards))
	for _, shard := range shards {
		listed[aws.ToString(shard.ShardId)] = true
	}
	var out []string
	for _, shard := range shards {
		id, parent := aws.ToString(shard.ShardId), aws.ToString(shard.ParentShardId)
		if _, seen := known[id]; seen {
			continue
		}
		if listed[parent] && !known[parent] {
			continue
		}
		out = append(out, id)
	}
	return out
}

func (s *Source) list(ctx context.Context) ([]types.Shard, error) {
	var all []types.Shard
	input := &dynamodbstreams.DescribeStreamInput{StreamArn: &s.arn}
	for {
		out, err := s.streams.DescribeStream(ctx, input)
		if err != nil {
			return nil, fmt.Errorf("list shards: %w", err)
		}
		all = append(all, out.StreamDescription.Shards...)
		if input.ExclusiveStartShardId = out.StreamDescription.LastEvaluatedShardId; input.ExclusiveStartShardId == nil {
			return all, nil
		}
	}
}

func (s *Source) pollFailed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	s.counts.pollFailures.Add(1)
	s.options.Logger.Warn("a stream could not be read", telemetry.KeyFunction, s.options.Function, telemetry.KeyDependency, s.options.Table, telemetry.KeyError, err.Error())
}

// failurePause follows a read that failed.
const failurePause = time.Second

// readShard reads one shard to its end, or until ctx ends.
func (s *Source) readShard(ctx context.Context, id string) {
	s.counts.shards.Add(1)
	defer s.counts.shards.Add(-1)
	p := position{shard: id}
	for ctx.Err() == nil {
		ended, err := s.readFrom(ctx, &p)
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
			// The records after our place are gone. Going on with what is left is all that can be done.
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

// position is the last record of a shard that was handled; empty means none.
type position struct {
	shard, last string
}

// readFrom takes a new iterator and reads until the shard ends, a call fails, or ctx ends.
func (s *Source) readFrom(ctx context.Context, p *position) (ended bool, err error) {
	input := &dynamodbstreams.GetShardIteratorInput{StreamArn: &s.arn, ShardId: &p.shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon}
	if p.last != "" {
		input.ShardIteratorType, input.SequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, &p.last
	}
	start, err := s.streams.GetShardIterator(ctx, input)
	if err != nil {
		return false, fmt.Errorf("shard iterator: %w", err)
	}
	for iterator := start.ShardIterator; ; {
		if iterator == nil {
			return true, nil
		}
		records, next, err := s.get(ctx, iterator, s.options.BatchSize)
		if err != nil {
			return false, err
		}
		if len(records) == 0 && next != nil && !sleep(ctx, s.options.Pause) {
			return false, nil
		}
		if len(records) > 0 {
			records, next, err = s.gather(ctx, records, next)
			if !s.deliver(ctx, records) {
				return false, nil
			}
			p.last = aws.ToString(records[len(records)-1].Dynamodb.SequenceNumber)
			if err != nil {
				return false, err
			}
		}
		iterator = next
	}
}

func sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
