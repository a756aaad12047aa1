package queuesource

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// endless always has one more message, each in a group of its own. A receive takes a second. It is cut off only if the caller
// passes on a cancelled context.
type endless struct {
	mu       sync.Mutex
	receives int
	cut      int
	deleted  int
	empty    bool
}

func (e *endless) GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{"QueueArn": "arn:aws:sqs:us-east-1:000000000001:orders.fifo", "VisibilityTimeout": "30"}}, nil
}

func (e *endless) ReceiveMessage(ctx context.Context, _ *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	e.mu.Lock()
	e.receives++
	id := strconv.Itoa(e.receives)
	empty := e.empty
	e.mu.Unlock()
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		e.mu.Lock()
		e.cut++
		e.mu.Unlock()
		return nil, ctx.Err()
	}
	if empty {
		return &sqs.ReceiveMessageOutput{}, nil
	}
	return &sqs.ReceiveMessageOutput{Messages: []types.Message{{MessageId: &id, ReceiptHandle: &id, Body: aws.String("m")}}}, nil
}

func (e *endless) DeleteMessageBatch(_ context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.deleted += len(in.Entries)
	return &sqs.DeleteMessageBatchOutput{}, nil
}

func (e *endless) numbers() (receives, cut, deleted int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.receives, e.cut, e.deleted
}

// run starts a mapping, and returns a function that stops it and waits for its end.
func run(t *testing.T, client Client, target Target, concurrency int) (*Source, func()) {
	t.Helper()
	s, err := New(t.Context(), client, target, Options{
		Queue: "orders", Function: "reserve", QueueURL: "u", BatchSize: 10, Concurrency: concurrency, FunctionTimeout: 5 * time.Second,
		Pause: 150 * time.Millisecond, Random: strings.NewReader(""), Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	return s, func() { cancel(); <-done }
}

func TestConcurrencyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, release := &endless{}, make(chan struct{})
		s, stop := run(t, client, handlerFunc(func(events.SQSEvent) (any, error) { <-release; return nil, nil }), 2)
		time.Sleep(time.Minute)
		synctest.Wait()
		if receives, _, _ := client.numbers(); receives != 2 || s.Status().InFlight != 2 {
			t.Errorf("%d receives, %d batches running; want 2 and 2", receives, s.Status().InFlight)
		}
		release <- struct{}{}
		time.Sleep(time.Minute)
		synctest.Wait()
		if receives, _, deleted := client.numbers(); receives != 3 || deleted != 1 {
			t.Errorf("after one batch: %d receives, %d deleted; want 3 and 1", receives, deleted)
		}
		close(release)
		stop()
	})
}

func TestEmptyQueueIsPolledAfterAPauseAndFullQueueAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &endless{empty: true}
		_, stop := run(t, client, handlerFunc(nil), 1)
		// Each receive takes a second.
		time.Sleep(114900 * time.Millisecond)
		if receives, _, _ := client.numbers(); receives != 100 {
			t.Errorf("empty: %d receives in 114.9 s, want 100", receives)
		}
		stop()
		client = &endless{}
		_, stop = run(t, client, handlerFunc(func(events.SQSEvent) (any, error) { return nil, nil }), 1)
		time.Sleep(99500 * time.Millisecond)
		if receives, _, _ := client.numbers(); receives != 100 {
			t.Errorf("full: %d receives in 99.5 s, want 100", receives)
		}
		stop()
	})
}

// oneGroup always has size more messages of one group, which is locked until the last ones are deleted.
type oneGroup struct {
	endless
	size   int
	locked bool
}

func (o *oneGroup) ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.receives++
	if o.locked {
		return &sqs.ReceiveMessageOutput{}, nil
	}
	o.locked = true
	out := &sqs.ReceiveMessageOutput{}
	for n := range o.size {
		id := strconv.Itoa(o.size*o.receives + n)
		out.Messages = append(out.Messages, types.Message{MessageId: &id, ReceiptHandle: &id, Body: aws.String("m")})
	}
	return out, nil
}

func (o *oneGroup) DeleteMessageBatch(ctx context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	out, err := o.endless.DeleteMessageBatch(ctx, in)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.locked = false
	return out, err
}

// A long poll would return the next messages of a group as soon as it is free. After a full batch there probably are some, so its
// end ends the pause; after a smaller batch the pause lets messages gather.
func TestEndOfAFullBatchEndsThePause(t *testing.T) {
	for _, c := range []struct{ size, batches int }{{10, 100}, {9, 7}} {
		synctest.Test(t, func(t *testing.T) {
			client := &oneGroup{size: c.size}
			s, stop := run(t, client, handlerFunc(func(events.SQSEvent) (any, error) { time.Sleep(10 * time.Millisecond); return nil, nil }), 2)
			time.Sleep(1005 * time.Millisecond)
			// Each batch takes one receive, plus one that returns nothing while the batch is handled.
			synctest.Wait()
			if receives, _, deleted := client.numbers(); deleted != c.batches*c.size || receives > 2*c.batches+2 {
				t.Errorf("batches of %d of one group: %d with %d receives in 1 s, want %d with 2 each", c.size, s.Status().Batches, receives, c.batches)
			}
			stop()
		})
	}
}

func TestReceiveUnderWayAtTheStopIsNotCutOffAndItsMessagesAreHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &endless{}
		s, stop := run(t, client, handlerFunc(func(events.SQSEvent) (any, error) { time.Sleep(3 * time.Second); return nil, nil }), 1)
		time.Sleep(500 * time.Millisecond)
		started := time.Now()
		stop()
		if took := time.Since(started); took != 3500*time.Millisecond {
			t.Errorf("ended after %s, want the rest of the receive and the handling: 3.5 s", took)
		}
		if receives, cut, deleted := client.numbers(); receives != 1 || cut != 0 || deleted != 1 || s.Status().Batches != 1 {
			t.Errorf("%d receives, %d cut off, %d deleted", receives, cut, deleted)
		}
	})
}

// busy is a Target without a free process.
type busy struct{ handlerFunc }

func (busy) Reserve(ctx context.Context) (Place, error) { <-ctx.Done(); return nil, ctx.Err() }

// rooms is a Target with some processes; free has one element for each process that is not reserved.
type rooms struct {
	handlerFunc
	free chan struct{}
}

type room struct{ rooms }

func (r rooms) Reserve(ctx context.Context) (Place, error) {
	select {
	case <-r.free:
		return room{r}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r room) GiveBack() { r.free <- struct{}{} }

func (r room) Invoke(ctx context.Context, payload []byte, wait time.Duration) ([]byte, error) {
	defer r.GiveBack()
	return r.handlerFunc.Invoke(ctx, payload, wait)
}

// The mapping allows ten parallel batches, the function has one process. Messages received before that process is free would wait
// while their visibility timeout runs.
func TestReceivesOnlyWhatFreeProcessesCanHandle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &endless{}
		target := rooms{handlerFunc(func(events.SQSEvent) (any, error) { time.Sleep(10 * time.Second); return nil, nil }), make(chan struct{}, 1)}
		target.free <- struct{}{}
		s, stop := run(t, client, target, 10)
		for range 60 {
			time.Sleep(time.Second)
			receives, _, deleted := client.numbers()
			if receives-deleted > 1 {
				t.Fatalf("%d messages were received, %d were handled", receives, deleted)
			}
		}
		stop()
		if s.Status().Batches != 6 || len(target.free) != 1 {
			t.Errorf("%d batches, %d places are free", s.Status().Batches, len(target.free))
		}
	})
}

// A receive that returns nothing releases its process, which another source of the function can use during the pause.
func TestEmptyReceiveReleasesItsProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &endless{empty: true}
		target := rooms{nil, make(chan struct{}, 1)}
		target.free <- struct{}{}
		_, stop := run(t, client, target, 1)
		time.Sleep(1050 * time.Millisecond) // a receive takes a second, the pause 150 ms
		synctest.Wait()
		if len(target.free) != 1 {
			t.Error("the process stays reserved during the pause")
		}
		stop()
	})
}

func TestReceivesNothingWithoutAFreeProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &endless{}
		_, stop := run(t, client, busy{}, 1)
		time.Sleep(time.Minute)
		if receives, _, _ := client.numbers(); receives != 0 {
			t.Errorf("%d receives", receives)
		}
		stop()
	})
}

// slow is a Target that reports how long each batch may wait for a process.
type slow struct {
	handlerFunc
	wait chan time.Duration
}

func (s slow) Reserve(context.Context) (Place, error) { return s, nil }

func (s slow) Invoke(_ context.Context, _ []byte, wait time.Duration) ([]byte, error) {
	s.wait <- wait
	return nil, nil
}

func TestBatchWaitsForAProcessOnlyWhileItsVisibilityAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := slow{wait: make(chan time.Duration)}
		_, stop := run(t, &endless{}, target, 1)
		// The visibility timeout of 30 s, less 5 s for the function and the second that the receive took.
		if wait := <-target.wait; wait != 24*time.Second {
			t.Errorf("waits up to %s, want 24 s", wait)
		}
		go func() {
			for range target.wait {
			}
		}()
		stop()
		close(target.wait)
	})
}
