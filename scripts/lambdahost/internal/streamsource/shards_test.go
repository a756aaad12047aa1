package streamsource

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	tabletypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// sharded is a stream with shards that end. The emulator has only streams with one shard that never ends.
type sharded struct {
	mu     sync.Mutex
	shards []*shard
	// expire makes the next reads of records fail with an expired iterator.
	expire int
	// items are the items of records, by sequence number; written are the times at which records were written.
	items   map[string]string
	written map[string]time.Time
}

type shard struct {
	id, parent string
	records    []string
	closed     bool
}

func (s *sharded) DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error) {
	return &dynamodb.DescribeTableOutput{Table: &tabletypes.TableDescription{
		LatestStreamArn: aws.String("arn:stream"), KeySchema: []tabletypes.KeySchemaElement{
			{AttributeName: aws.String("version"), KeyType: tabletypes.KeyTypeRange}, {AttributeName: aws.String("orderId"), KeyType: tabletypes.KeyTypeHash},
		},
	}}, nil
}

// DescribeStream returns one shard a page.
func (s *sharded) DescribeStream(_ context.Context, in *dynamodbstreams.DescribeStreamInput, _ ...func(*dynamodbstreams.Options)) (*dynamodbstreams.DescribeStreamOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := 0
	for i, x := range s.shards {
		if x.id == aws.ToString(in.ExclusiveStartShardId) {
			next = i + 1
		}
	}
	x := s.shards[next]
	out := types.Shard{ShardId: &x.id}
	if x.parent != "" {
		out.ParentShardId = &x.parent
	}
	d := &types.StreamDescription{Shards: []types.Shard{out}}
	if next+1 < len(s.shards) {
		d.LastEvaluatedShardId = &x.id
	}
	return &dynamodbstreams.DescribeStreamOutput{StreamDescription: d}, nil
}

func (s *sharded) GetShardIterator(_ context.Context, in *dynamodbstreams.GetShardIteratorInput, _ ...func(*dynamodbstreams.Options)) (*dynamodbstreams.GetShardIteratorOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	place := 0
	if in.ShardIteratorType == types.ShardIteratorTypeAfterSequenceNumber {
		for i, r := range s.find(*in.ShardId).records {
			if r == *in.SequenceNumber {
				place = i + 1
			}
		}
	}
	return &dynamodbstreams.GetShardIteratorOutput{ShardIterator: aws.String(fmt.Sprintf("%s/%d", *in.ShardId, place))}, nil
}

func (s *sharded) GetRecords(_ context.Context, in *dynamodbstreams.GetRecordsInput, _ ...func(*dynamodbstreams.Options)) (*dynamodbstreams.GetRecordsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.expire > 0 {
		s.expire--
		return nil, &types.ExpiredIteratorException{}
	}
	id, at, _ := strings.Cut(*in.ShardIterator, "/")
	place, err := strconv.Atoi(at)
	if err != nil {
		return nil, err
	}
	x := s.find(id)
	end := min(place+int(*in.Limit), len(x.records))
	out := &dynamodbstreams.GetRecordsOutput{}
	for i := place; i < end; i++ {
		sequence := x.records[i]
		written, found := s.written[sequence]
		if !found {
			written = time.Now()
		}
		out.Records = append(out.Records, types.Record{Dynamodb: &types.StreamRecord{
			SequenceNumber: &sequence, ApproximateCreationDateTime: &written, Keys: map[string]types.AttributeValue{
				"orderId": &types.AttributeValueMemberS{Value: s.items[sequence]}, "version": &types.AttributeValueMemberN{Value: sequence},
			},
		}})
	}
	if !x.closed || end < len(x.records) {
		out.NextShardIterator = aws.String(fmt.Sprintf("%s/%d", id, end))
	}
	return out, nil
}

func (s *sharded) find(id string) *shard {
	for _, x := range s.shards {
		if x.id == id {
			return x
		}
	}
	return &shard{}
}

func (s *sharded) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func TestChildrenAreReadAfterTheirParent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := &sharded{shards: []*shard{
			{id: "child", parent: "parent", records: []string{"3", "4"}},
			{id: "parent", parent: "trimmed long ago", records: []string{"1"}},
			{id: "grandchild", parent: "child", records: []string{"6"}},
		}}
		var s seen
		source, err := New(t.Context(), stream, stream, handlerFunc(func(e events.DynamoDBEvent) (any, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, r := range e.Records {
				s.versions = append(s.versions, r.Change.SequenceNumber)
			}
			return nil, nil
		}), Options{Table: "orders", BatchSize: 1, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); source.Run(ctx) }()
		check := func(want ...string) {
			t.Helper()
			time.Sleep(time.Minute)
			synctest.Wait()
			if got := s.get(); !reflect.DeepEqual(got, want) {
				t.Errorf("handled %v, want %v", got, want)
			}
		}
		check("1")
		stream.change(func() { stream.shards[1].records = append(stream.shards[1].records, "2") })
		check("1", "2")
		stream.change(func() { stream.expire = 3; stream.shards[1].closed = true })
		check("1", "2", "3", "4")
		stream.change(func() {
			stream.shards[0].records = append(stream.shards[0].records, "5")
			stream.shards[0].closed = true
		})
		check("1", "2", "3", "4", "5", "6")
		if n := source.Status().Shards; n != 1 {
			t.Errorf("%d shards are read, want the open one", n)
		}
		cancel()
		<-done
	})
}

func TestPauseBetweenTriesGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := &sharded{shards: []*shard{{id: "one", records: []string{"1"}}}}
		var times []time.Duration
		start := time.Now()
		source, err := New(t.Context(), stream, stream, handlerFunc(func(events.DynamoDBEvent) (any, error) {
			times = append(times, time.Since(start))
			return nil, fmt.Errorf("no")
		}), Options{Table: "orders", BatchSize: 1, RetryDelay: time.Second, MaxRetryDelay: 4 * time.Second, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); source.Run(ctx) }()
		time.Sleep(12 * time.Second)
		cancel()
		<-done
		if want := []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second, 11 * time.Second}; !reflect.DeepEqual(times, want) {
			t.Errorf("tries at %v, want %v", times, want)
		}
	})
}

// A batch is delivered when it is full, when the window since its first record has expired, or when its shard ends. An empty
// stream opens no window, and a failed read ends none.
func TestRecordsAreGatheredForAWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := &sharded{shards: []*shard{{id: "one"}}}
		var batches []string
		start := time.Now()
		source, err := New(t.Context(), stream, stream, handlerFunc(func(e events.DynamoDBEvent) (any, error) {
			batch := time.Since(start).String() + ":"
			for _, r := range e.Records {
				batch += " " + r.Change.SequenceNumber
			}
			batches = append(batches, batch)
			return nil, nil
		}), Options{Table: "orders", BatchSize: 4, Window: time.Second, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); source.Run(ctx) }()
		at := func(ms int, do func()) {
			time.Sleep(time.Duration(ms)*time.Millisecond - time.Since(start))
			stream.change(do)
		}
		add := func(records ...string) func() {
			return func() { stream.shards[0].records = append(stream.shards[0].records, records...) }
		}
		at(10_100, add("1")) // returned by the read at 10.25 s
		at(10_600, add("2"))
		at(11_300, add("3")) // the window expired at 11.25 s; this is read at 11.5 s
		at(20_100, add("4"))
		at(20_400, add("5", "6", "7", "8"))
		at(30_100, add("9"))
		at(30_400, func() { add("10")(); stream.expire = 1 })
		at(40_100, add("11"))
		at(40_400, func() { stream.shards[0].closed = true })
		time.Sleep(5 * time.Second)
		cancel()
		<-done
		want := []string{
			"11.25s: 1 2", "12.5s: 3",
			"20.5s: 4 5 6 7", "21.5s: 8", "31.25s: 9 10", "40.5s: 11",
		}
		if !reflect.DeepEqual(batches, want) {
			t.Errorf("batches %q, want %q", batches, want)
		}
	})
}
