package queuesource

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/scripts/internal/ministacktest"
)

var emulator ministacktest.Emulator

func TestMain(m *testing.M) { os.Exit(emulator.Run(m)) }

// handlerFunc is a Target that always has a free process.
type handlerFunc func(events.SQSEvent) (any, error)

func (f handlerFunc) Invoke(_ context.Context, payload []byte, _ time.Duration) ([]byte, error) {
	var event events.SQSEvent
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, err
	}
	answer, err := f(event)
	if err != nil {
		return nil, err
	}
	if raw, ok := answer.(string); ok {
		return []byte(raw), nil
	}
	return json.Marshal(answer)
}

func (f handlerFunc) Reserve(context.Context) (Place, error) { return f, nil }

func (f handlerFunc) GiveBack() {}

// queue is a test's FIFO queue.
type queue struct {
	client *sqs.Client
	url    string
}

func newQueue(t *testing.T, visibility int) queue {
	t.Helper()
	client := sqs.NewFromConfig(emulator.Tenant(t))
	out, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("orders.fifo"), Attributes: map[string]string{
		"FifoQueue": "true", "DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId", "VisibilityTimeout": strconv.Itoa(visibility),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return queue{client, *out.QueueUrl}
}

func (q queue) send(t *testing.T, group string, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		if _, err := q.client.SendMessage(t.Context(), &sqs.SendMessageInput{
			QueueUrl: &q.url, MessageBody: &body, MessageGroupId: &group, MessageDeduplicationId: aws.String(group + "-" + body),
			MessageAttributes: map[string]types.MessageAttributeValue{"kind": {DataType: aws.String("String"), StringValue: aws.String("PlaceOrder")}},
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func (q queue) left(t *testing.T) int {
	t.Helper()
	out, err := q.client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &q.url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	if err != nil {
		t.Fatal(err)
	}
	visible, _ := strconv.Atoi(out.Attributes["ApproximateNumberOfMessages"])
	hidden, _ := strconv.Atoi(out.Attributes["ApproximateNumberOfMessagesNotVisible"])
	return visible + hidden
}

// start runs a mapping until the test ends.
func (q queue) start(t *testing.T, concurrency int, target Target) *Source {
	t.Helper()
	s, err := New(t.Context(), q.client, target, Options{
		Queue: "orders", Function: "reserve", QueueURL: q.url, BatchSize: 10, Concurrency: concurrency, FunctionTimeout: time.Second,
		Pause: 20 * time.Millisecond, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return s
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 15 s: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func groupOf(m events.SQSMessage) string { return m.Attributes["MessageGroupId"] }

// journal records the handled messages by group.
type journal struct {
	mu      sync.Mutex
	byGroup map[string][]string
}

func (j *journal) note(group, entry string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.byGroup == nil {
		j.byGroup = map[string][]string{}
	}
	j.byGroup[group] = append(j.byGroup[group], entry)
}

func (j *journal) of(group string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.byGroup[group])
}

func numbered(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("m%02d", i)
	}
	return out
}

func TestEveryGroupIsHandledInOrderAndNeverTwiceAtOnce(t *testing.T) {
	t.Parallel()
	q := newQueue(t, 30)
	var handled journal
	var mu sync.Mutex
	at := map[string]int{}
	s := q.start(t, 4, handlerFunc(func(e events.SQSEvent) (any, error) {
		groups := map[string]bool{}
		for _, m := range e.Records {
			groups[groupOf(m)] = true
		}
		mu.Lock()
		for g := range groups {
			if at[g]++; at[g] > 1 {
				t.Errorf("group %s is in two batches at once", g)
			}
		}
		mu.Unlock()
		for _, m := range e.Records {
			handled.note(groupOf(m), m.Body)
		}
		mu.Lock()
		for g := range groups {
			at[g]--
		}
		mu.Unlock()
		return events.SQSEventResponse{}, nil
	}))
	want := numbered(25)
	groups := []string{"c1#A", "c1#B", "c1#C"}
	for _, body := range want {
		for _, g := range groups {
			q.send(t, g, body)
		}
	}
	eventually(t, "the queue is empty", func() bool { return q.left(t) == 0 && s.Status().InFlight == 0 })
	for _, g := range groups {
		if got := handled.of(g); !reflect.DeepEqual(got, want) {
			t.Errorf("group %s: %v", g, got)
		}
	}
	if status := s.Status(); status.Messages != 75 || status.MessageFailures != 0 || status.BatchFailures != 0 {
		t.Errorf("status %+v", status)
	}
}

func TestGroupsAreHandledInParallel(t *testing.T) {
	t.Parallel()
	q := newQueue(t, 30)
	q.send(t, "slow", "m0")
	slow, fast := make(chan struct{}), make(chan struct{})
	s := q.start(t, 2, handlerFunc(func(e events.SQSEvent) (any, error) {
		if groupOf(e.Records[0]) == "slow" {
			<-slow
		} else {
			close(fast)
		}
		return nil, nil
	}))
	eventually(t, "the slow group is being handled", func() bool { return s.Status().InFlight == 1 })
	q.send(t, "fast", "m0")
	select {
	case <-fast:
	case <-time.After(10 * time.Second):
		t.Error("a group waited for another one")
	}
	close(slow)
	eventually(t, "the queue is empty", func() bool { return q.left(t) == 0 })
}

func TestFailedMessagesAreRedeliveredInOrder(t *testing.T) {
	t.Parallel()
	q := newQueue(t, 1)
	var handled journal
	s := q.start(t, 1, handlerFunc(func(e events.SQSEvent) (any, error) {
		var r events.SQSEventResponse
		failing := false
		for _, m := range e.Records {
			// The third message of group A fails at its first receive, and with it the later messages of its group.
			if groupOf(m) == "A" && (failing || (m.Body == "m02" && m.Attributes["ApproximateReceiveCount"] == "1")) {
				failing = true
				r.BatchItemFailures = append(r.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
				continue
			}
			handled.note(groupOf(m), m.Body)
		}
		return r, nil
	}))
	want := numbered(6)
	q.send(t, "A", want...)
	q.send(t, "B", want...)
	eventually(t, "the queue is empty", func() bool { return q.left(t) == 0 && s.Status().InFlight == 0 })
	for _, g := range []string{"A", "B"} {
		if got := handled.of(g); !reflect.DeepEqual(got, want) {
			t.Errorf("group %s: %v", g, got)
		}
	}
	if status := s.Status(); status.MessageFailures == 0 || status.BatchFailures != 0 {
		t.Errorf("status %+v", status)
	}
}

func TestFailedBatchIsRedeliveredAfterItsVisibilityTimeout(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(events.SQSEvent) (any, error){
		"error":      func(events.SQSEvent) (any, error) { return nil, errors.New("crashed") },
		"bad JSON":   func(events.SQSEvent) (any, error) { return "{", nil },
		"unknown id": func(events.SQSEvent) (any, error) { return `{"batchItemFailures":[{"itemIdentifier":"x"}]}`, nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := newQueue(t, 1)
			q.send(t, "A", "m0", "m1")
			var mu sync.Mutex
			var times []time.Time
			var bodies []string
			s := q.start(t, 1, handlerFunc(func(e events.SQSEvent) (any, error) {
				mu.Lock()
				times = append(times, time.Now())
				first := len(times) == 1
				for _, m := range e.Records {
					bodies = append(bodies, m.Body)
				}
				mu.Unlock()
				if first {
					return answer(e)
				}
				return nil, nil
			}))
			eventually(t, "the queue is empty", func() bool { return q.left(t) == 0 && s.Status().InFlight == 0 })
			if !reflect.DeepEqual(bodies, []string{"m0", "m1", "m0", "m1"}) {
				t.Errorf("handled %v", bodies)
			}
			if gap := times[1].Sub(times[0]); gap < 900*time.Millisecond {
				t.Errorf("was redelivered after %s, want the visibility timeout of 1 s", gap)
			}
			if status := s.Status(); status.BatchFailures != 1 || status.MessageFailures != 2 {
				t.Errorf("status %+v", status)
			}
		})
	}
}

func TestEventIsWhatLambdaSends(t *testing.T) {
	t.Parallel()
	q := newQueue(t, 30)
	got := make(chan events.SQSMessage, 1)
	q.start(t, 1, handlerFunc(func(e events.SQSEvent) (any, error) { got <- e.Records[0]; return nil, nil }))
	q.send(t, "c1#A", "hello")
	m := <-got
	if m.Body != "hello" || m.EventSource != "aws:sqs" || m.AWSRegion != ministacktest.Region || !strings.HasSuffix(m.EventSourceARN, ":orders.fifo") || m.MessageId == "" || m.ReceiptHandle == "" {
		t.Errorf("message %+v", m)
	}
	if kind := m.MessageAttributes["kind"]; aws.ToString(kind.StringValue) != "PlaceOrder" || kind.DataType != "String" {
		t.Errorf("attribute %+v", kind)
	}
	for _, name := range []string{"ApproximateReceiveCount", "SentTimestamp", "SequenceNumber", "MessageGroupId", "MessageDeduplicationId", "ApproximateFirstReceiveTimestamp"} {
		if m.Attributes[name] == "" {
			t.Errorf("no %s in %v", name, m.Attributes)
		}
	}
}

func TestShortVisibilityIsRefused(t *testing.T) {
	t.Parallel()
	q := newQueue(t, 2)
	_, err := New(t.Context(), q.client, handlerFunc(nil), Options{Queue: "orders", QueueURL: q.url, BatchSize: 10, Concurrency: 1, FunctionTimeout: 3 * time.Second})
	if err == nil || !strings.Contains(err.Error(), "visibility timeout") {
		t.Errorf("error %v", err)
	}
}

// A standard queue accepts no receive attempt id, and its messages have no group.
func TestStandardQueueIsHandled(t *testing.T) {
	t.Parallel()
	client := sqs.NewFromConfig(emulator.Tenant(t))
	out, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("letters"), Attributes: map[string]string{"VisibilityTimeout": "30"}})
	if err != nil {
		t.Fatal(err)
	}
	const messages = 12
	for i := range messages {
		if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: out.QueueUrl, MessageBody: aws.String(fmt.Sprint(i))}); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	seen := map[string]bool{}
	s, err := New(t.Context(), watched{client, t}, handlerFunc(func(e events.SQSEvent) (any, error) {
		mu.Lock()
		defer mu.Unlock()
		for _, r := range e.Records {
			seen[r.Body] = true
			if group, found := r.Attributes["MessageGroupId"]; found {
				t.Errorf("a message of group %q", group)
			}
		}
		return nil, nil
	}), Options{
		Queue: "letters", Function: "reader", QueueURL: *out.QueueUrl, BatchSize: 10, Standard: true, Concurrency: 1, FunctionTimeout: time.Second,
		Pause: 20 * time.Millisecond, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	eventually(t, "all messages", func() bool { mu.Lock(); defer mu.Unlock(); return len(seen) == messages })
	cancel()
	<-done
	if status := s.Status(); status.PollFailures+status.MessageFailures+status.DeleteFailures != 0 {
		t.Errorf("status %+v", status)
	}
}

// watched is a client that reports what a real standard queue refuses: emulators of SQS accept it.
type watched struct {
	Client
	t *testing.T
}

func (w watched) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, o ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	if in.ReceiveRequestAttemptId != nil {
		w.t.Error("a receive of a standard queue has an attempt id")
	}
	return w.Client.ReceiveMessage(ctx, in, o...)
}
