package streamsource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/scripts/lambdahost/internal/runtimeapi"
)

// letters is a Destination that refuses the first letters.
type letters struct {
	mu     sync.Mutex
	refuse int
	sent   []letter
}

func (l *letters) Send(_ context.Context, text []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse > 0 {
		l.refuse--
		return errors.New("no connection")
	}
	var one letter
	if err := json.Unmarshal(text, &one); err != nil {
		return err
	}
	l.sent = append(l.sent, one)
	return nil
}

// ranges describes the records of each letter.
func (l *letters) ranges() (all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range l.sent {
		all = append(all, fmt.Sprintf("%s-%s: %d, %s", one.Batch.StartSequence, one.Batch.EndSequence, one.Batch.Records, one.RequestContext.Condition))
	}
	return all
}

// follow runs a mapping on a stream in a synctest bubble, and returns a function that stops it.
func follow(t *testing.T, stream *sharded, target Target, options Options) (*Source, func()) {
	t.Helper()
	options.Table, options.Function, options.Logger = "orders", "mirror", slog.New(slog.DiscardHandler)
	source, err := New(t.Context(), stream, stream, target, options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); source.Run(ctx) }()
	return source, func() { cancel(); <-done }
}

// numbers are the sequence numbers of a batch.
func numbers(e events.DynamoDBEvent) (all []string) {
	for _, r := range e.Records {
		all = append(all, r.Change.SequenceNumber)
	}
	return all
}

// handled records what a function has handled. A batch with the record bad fails.
type handled struct {
	mu    sync.Mutex
	bad   string
	tries int
	done  []string
}

func (h *handled) handle(e events.DynamoDBEvent) (any, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if slices.Contains(numbers(e), h.bad) {
		h.tries++
		return nil, errors.New("cannot")
	}
	h.done = append(h.done, numbers(e)...)
	return nil, nil
}

// A batch is tried up to its number of attempts. Then its records are given up with a letter, and the records after them are
// handled. Without bisecting the whole batch is given up; with it only the failing record, and halving costs no attempt.
func TestRecordsAreGivenUpAfterTheirAttempts(t *testing.T) {
	for _, c := range []struct {
		bisect  bool
		tries   int
		done    []string
		letters []string
	}{
		{false, 3, []string{"5", "6"}, []string{"1-4: 4, RetryAttemptsExhausted"}},
		// Tries: the batch of four, its first half, and the single record three times.
		{true, 5, []string{"1", "3", "4", "5", "6"}, []string{"2-2: 1, RetryAttemptsExhausted"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			stream := &sharded{shards: []*shard{{id: "one", records: []string{"1", "2", "3", "4", "5", "6"}}}}
			h, to := &handled{bad: "2"}, &letters{}
			source, stop := follow(t, stream, handlerFunc(h.handle), Options{BatchSize: 4, Attempts: 3, BisectOnError: c.bisect, Destination: to})
			time.Sleep(time.Minute)
			stop()
			if h.tries != c.tries || !reflect.DeepEqual(h.done, c.done) || !reflect.DeepEqual(to.ranges(), c.letters) {
				t.Errorf("bisect %t: %d tries, done %v, letters %v", c.bisect, h.tries, h.done, to.ranges())
			}
			if s := source.Status(); s.Letters != 1 || s.GivenUp != int64(to.sent[0].Batch.Records) {
				t.Errorf("bisect %t: status %+v", c.bisect, s)
			}
		})
	}
}

// A partial failure costs an attempt too, and the records before it are not given up.
func TestAttemptsOfPartialFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := &sharded{shards: []*shard{{id: "one", records: []string{"1", "2", "3", "4"}}}}
		to := &letters{}
		tries := 0
		_, stop := follow(t, stream, handlerFunc(func(e events.DynamoDBEvent) (any, error) {
			if !slices.Contains(numbers(e), "3") {
				return nil, nil
			}
			tries++
			return events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{{ItemIdentifier: "3"}}}, nil
		}), Options{BatchSize: 10, Attempts: 2, BisectOnError: true, Destination: to})
		time.Sleep(time.Minute)
		stop()
		if want := []string{"3-4: 2, RetryAttemptsExhausted"}; tries != 2 || !reflect.DeepEqual(to.ranges(), want) {
			t.Errorf("%d tries, letters %v, want %v", tries, to.ranges(), want)
		}
		if r := to.sent[0].ResponseContext; r == nil || r.FunctionError != nil || r.StatusCode != 200 {
			t.Errorf("the function returned no error, the letter has %+v", r)
		}
	})
}

// Without a limit of attempts only the age ends the tries: the failing record blocks the records behind it until it is too old.
// These are younger, and are handled.
func TestRecordsAreGivenUpAtTheirAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		stream := &sharded{
			shards:  []*shard{{id: "one", records: []string{"1", "2", "3"}}},
			written: map[string]time.Time{"1": begun.Add(-2 * time.Hour), "2": begun, "3": begun.Add(time.Minute)},
		}
		h, to := &handled{bad: "2"}, &letters{}
		var ended time.Duration
		_, stop := follow(t, stream, handlerFunc(func(e events.DynamoDBEvent) (any, error) {
			answer, err := h.handle(e)
			if err == nil {
				ended = time.Since(begun)
			}
			return answer, err
		}), Options{BatchSize: 10, MaximumAge: time.Hour, BisectOnError: true, Destination: to, FunctionARN: "arn:mirror", NewID: func() string { return "id-1" }})
		time.Sleep(3 * time.Hour)
		stop()
		// Record 1 was too old from the start: the function never received it.
		if want := []string{"1-1: 1, RecordAgeExceeded", "2-2: 1, RecordAgeExceeded"}; !reflect.DeepEqual(to.ranges(), want) {
			t.Errorf("letters %v, want %v", to.ranges(), want)
		}
		if !reflect.DeepEqual(h.done, []string{"3"}) || h.tries < 100 || ended < time.Hour || ended > time.Hour+11*time.Second {
			t.Errorf("done %v at %s after %d tries", h.done, ended, h.tries)
		}
		first, second := to.sent[0], to.sent[1]
		if first.ResponseContext != nil || first.RequestContext.Attempts != 0 {
			t.Errorf("the function was not invoked with record 1, the letter has %+v", first)
		}
		want := letter{
			RequestContext:  requestContext{RequestID: "id-1", FunctionARN: "arn:mirror", Condition: "RecordAgeExceeded", Attempts: h.tries},
			ResponseContext: &responseContext{StatusCode: 200, ExecutedVersion: "$LATEST", FunctionError: second.ResponseContext.FunctionError},
			Version:         "1.0", Timestamp: second.Timestamp,
			Batch: batchInfo{
				ShardID: "one", StartSequence: "2", EndSequence: "2", FirstArrival: begun.UTC().Format(time.RFC3339), LastArrival: begun.UTC().Format(time.RFC3339),
				Records: 1, StreamARN: "arn:stream",
			},
		}
		if !reflect.DeepEqual(second, want) || *second.ResponseContext.FunctionError != "Unhandled" || !strings.HasSuffix(second.Timestamp, "Z") {
			t.Errorf("letter %+v, want %+v", second, want)
		}
	})
}

// A letter that the destination does not accept is sent again: no record may be lost silently.
func TestLetterIsSentUntilItIsAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := &sharded{shards: []*shard{{id: "one", records: []string{"1", "2"}}}}
		h, to := &handled{bad: "1"}, &letters{refuse: 5}
		source, stop := follow(t, stream, handlerFunc(h.handle), Options{BatchSize: 1, Attempts: 1, Destination: to})
		time.Sleep(time.Minute)
		stop()
		if want := []string{"1-1: 1, RetryAttemptsExhausted"}; !reflect.DeepEqual(to.ranges(), want) || source.Status().Letters != 1 || !reflect.DeepEqual(h.done, []string{"2"}) {
			t.Errorf("letters %v, done %v", to.ranges(), h.done)
		}
	})
}

// busyFunc is a Target that is throttled until a given time.
type busyFunc struct {
	handlerFunc
	until time.Time
}

func (b busyFunc) Invoke(ctx context.Context, payload []byte, wait time.Duration) ([]byte, error) {
	if time.Now().Before(b.until) {
		return nil, fmt.Errorf("mirror: %w", runtimeapi.ErrThrottled)
	}
	return b.handlerFunc.Invoke(ctx, payload, wait)
}

// A throttled function was not invoked: this costs no attempt, and the batch is not halved.
func TestThrottledInvocationCostsNoAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := &sharded{shards: []*shard{{id: "one", records: []string{"1", "2", "3"}}}}
		h, to := &handled{}, &letters{}
		source, stop := follow(t, stream, busyFunc{handlerFunc(h.handle), time.Now().Add(time.Minute)}, Options{BatchSize: 10, Attempts: 2, BisectOnError: true, Destination: to})
		time.Sleep(2 * time.Minute)
		stop()
		if s := source.Status(); s.Batches != 1 || s.BatchFailures != 0 || len(to.sent) > 0 || !reflect.DeepEqual(h.done, []string{"1", "2", "3"}) {
			t.Errorf("status %+v, done %v, letters %v", s, h.done, to.ranges())
		}
	})
}

// While one item's record fails, items in other lanes proceed; the records of each item stay in order. With a single lane all
// items wait for it.
func TestLanesOfAShardAreIndependent(t *testing.T) {
	for _, factor := range []int{1, 4} {
		synctest.Test(t, func(t *testing.T) {
			const items, versions = 12, 5
			stream := &sharded{shards: []*shard{{id: "one"}}, items: map[string]string{}}
			for v := range versions {
				for i := range items {
					n := fmt.Sprint(100*(i+1) + v)
					stream.shards[0].records = append(stream.shards[0].records, n)
					stream.items[n] = fmt.Sprintf("order-%d", i)
				}
			}
			var mu sync.Mutex
			seen := map[string][]string{}
			atWork, most := 0, 0
			source, stop := follow(t, stream, handlerFunc(func(e events.DynamoDBEvent) (any, error) {
				mu.Lock()
				atWork++
				most = max(most, atWork)
				mu.Unlock()
				time.Sleep(10 * time.Millisecond)
				mu.Lock()
				defer mu.Unlock()
				atWork--
				if slices.Contains(numbers(e), "100") {
					return nil, errors.New("cannot")
				}
				for _, r := range e.Records {
					item := r.Change.Keys["orderId"].String()
					seen[item] = append(seen[item], r.Change.SequenceNumber)
				}
				return nil, nil
			}), Options{BatchSize: 7, ParallelizationFactor: factor})
			time.Sleep(time.Minute)
			stop()
			if factor == 1 {
				if len(seen) != 0 || most != 1 {
					t.Errorf("one lane: %d at once, done %v", most, seen)
				}
				return
			}
			if most < 2 || most > factor || source.Status().Batches == 0 {
				t.Errorf("%d at once", most)
			}
			stuck := laneOfItem(source, "order-0")
			others := 0
			for i := range items {
				item := fmt.Sprintf("order-%d", i)
				var want []string
				for v := range versions {
					want = append(want, fmt.Sprint(100*(i+1)+v))
				}
				if laneOfItem(source, item) == stuck {
					if len(seen[item]) > 0 {
						t.Errorf("%s, behind the failing record: %v", item, seen[item])
					}
					continue
				}
				others++
				if !reflect.DeepEqual(seen[item], want) {
					t.Errorf("%s: %v, want %v", item, seen[item], want)
				}
			}
			if others == 0 {
				t.Error("all items are in one lane")
			}
		})
	}
}

func laneOfItem(s *Source, item string) int {
	stream := &sharded{shards: []*shard{{id: "x", records: []string{"1"}}}, items: map[string]string{"1": item}}
	records, _, err := (&Source{streams: stream, options: s.options}).get(context.Background(), ptr("x/0"), 1)
	if err != nil {
		panic(err)
	}
	return s.laneOf(records[0])
}

func ptr(s string) *string { return &s }

// A parent ends when all its lanes have ended: its children's records come after the last of its own.
func TestChildrenWaitForEveryLaneOfTheirParent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := &sharded{
			shards: []*shard{{id: "parent", records: []string{"1", "2", "3", "4"}, closed: true}, {id: "child", parent: "parent", records: []string{"5"}}},
			items:  map[string]string{"1": "a", "2": "b", "3": "c", "4": "d", "5": "a"},
		}
		var mu sync.Mutex
		var done []string
		_, stop := follow(t, stream, handlerFunc(func(e events.DynamoDBEvent) (any, error) {
			if slices.Contains(numbers(e), "4") {
				time.Sleep(20 * time.Second)
			}
			mu.Lock()
			defer mu.Unlock()
			done = append(done, numbers(e)...)
			return nil, nil
		}), Options{BatchSize: 1, ParallelizationFactor: 4})
		time.Sleep(time.Minute)
		stop()
		if len(done) != 5 || done[4] != "5" {
			t.Errorf("done %v", done)
		}
	})
}

func TestImpossibleMappingsAreRefused(t *testing.T) {
	for _, o := range []Options{{BatchSize: 0}, {BatchSize: 1001}, {BatchSize: 1, ParallelizationFactor: 11}, {BatchSize: 1, ParallelizationFactor: -1}} {
		if _, err := New(t.Context(), &sharded{}, &sharded{}, nil, o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}
