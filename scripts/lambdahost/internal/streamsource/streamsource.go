// Package streamsource is the event source mapping of a DynamoDB stream: it reads every shard in order, a shard's
// children after it, and invokes a function with batches of records.
//
// The parallelization factor sets the number of lanes of a shard. All records of one item are in one lane, by the hash of its
// partition key: lanes proceed independently of each other, and the records of an item stay in order.
//
// A failed batch is tried again, while its lane waits, until it succeeds, its records are too old, or its attempts are used up;
// then a letter about its records is sent to the destination. The position in the stream is only in memory: each run starts at
// the oldest record that the stream still has, so records are redelivered after a restart.
package streamsource

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	tabletypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"boxoffice/contracts/telemetry"
	"boxoffice/scripts/lambdahost/internal/runtimeapi"
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
	// Invoke waits for a free process, at most for wait if that is over 0, and then for the response. If
	// runtimeapi.MayBeInvokedLater is true for the error, the call does not count as an attempt.
	Invoke(ctx context.Context, payload []byte, wait time.Duration) ([]byte, error)
}

// Destination receives letters about given-up records. A nil error means that the letter is stored there.
type Destination interface {
	Send(ctx context.Context, letter []byte) error
}

// Options of a Source. The durations are optional.
type Options struct {
	// Table is the table's name in this deployment; Function is a name for logs and status.
	Table, Function string
	// BatchSize is 1–1000.
	BatchSize int
	// Window is how long a batch that is not full gathers records, from its first one on; 0 delivers the records of one read at
	// once.
	Window time.Duration
	// ParallelizationFactor is the number of lanes of a shard, 1–10; 0 means 1.
	ParallelizationFactor int
	// Attempts bounds the invocations of a batch, including the first; 0 means no limit.
	Attempts int
	// MaximumAge is the age at which a record is given up, counted from when it was written; 0 means no limit.
	MaximumAge time.Duration
	// BisectOnError halves a batch that failed as a whole. The halves keep the attempts that the batch had before it failed.
	BisectOnError bool
	// Destination receives a letter about given-up records; with nil they are only logged.
	Destination Destination
	// FunctionARN appears in letters.
	FunctionARN string
	// Pause follows a read that returned fewer records than asked for; default 250 ms, because AWS reads four times a second.
	Pause time.Duration
	// RetryDelay and MaxRetryDelay bound the growing pause before a failed batch is tried again; defaults: 100 ms and 10 s.
	RetryDelay, MaxRetryDelay time.Duration
	// ListEvery is the interval of shard listings; default 10 s. Shards are also listed when one ends.
	ListEvery time.Duration
	// Now is the clock of ages and letters; nil is time.Now. NewID makes the ids of letters; nil makes random UUIDs.
	Now    func() time.Time
	NewID  func() string
	Logger *slog.Logger
}

// Source is a mapping. Run may be called once.
type Source struct {
	options Options
	streams Streams
	target  Target
	arn     string
	// partitionKey is the name of the table's partition key.
	partitionKey string
	counts       counts
}

type counts struct {
	polls, pollFailures, batches, batchFailures, records, givenUp, letters, shards atomic.Int64
}

// Status counts since the start. BatchFailures counts failed tries, including partial failures. GivenUp counts records, Letters
// the letters about them. Shards is the number of shards being read now.
type Status struct {
	Kind          string `json:"kind"`
	Name          string `json:"name"`
	Function      string `json:"function"`
	Polls         int64  `json:"polls"`
	PollFailures  int64  `json:"pollFailures"`
	Batches       int64  `json:"batches"`
	BatchFailures int64  `json:"batchFailures"`
	Records       int64  `json:"records"`
	GivenUp       int64  `json:"givenUp"`
	Letters       int64  `json:"letters"`
	Shards        int64  `json:"shards"`
}

// New finds the table's stream. The table must have one.
func New(ctx context.Context, tables Tables, streams Streams, target Target, options Options) (*Source, error) {
	if options.BatchSize < 1 || options.BatchSize > 1000 {
		return nil, fmt.Errorf("stream of table %s: batch size %d", options.Table, options.BatchSize)
	}
	if options.ParallelizationFactor == 0 {
		options.ParallelizationFactor = 1
	}
	if n := options.ParallelizationFactor; n < 1 || n > 10 {
		return nil, fmt.Errorf("stream of table %s: parallelization factor %d", options.Table, n)
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.NewID == nil {
		options.NewID = func() string { return runtimeapi.NewID(rand.Reader) }
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
	s := &Source{options: options, streams: streams, target: target, arn: arn}
	for _, k := range out.Table.KeySchema {
		if k.KeyType == tabletypes.KeyTypeHash {
			s.partitionKey = aws.ToString(k.AttributeName)
		}
	}
	return s, nil
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
		Batches: c.batches.Load(), BatchFailures: c.batchFailures.Load(), Records: c.records.Load(), GivenUp: c.givenUp.Load(), Letters: c.letters.Load(), Shards: c.shards.Load(),
	}
}

// Run reads until ctx ends, and returns when the batches under way are done.
func (s *Source) Run(ctx context.Context) {
	var readers sync.WaitGroup
	defer readers.Wait()
	known := map[string]bool{} // shard id to whether the shard has been read to its end
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

// ready returns the shards that are not read yet and whose parent, if the stream still has it, has been read to its end. This
// keeps the records of one item in order.
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
