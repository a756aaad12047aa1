package eventbus_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/consumers/internal/awsclient"
	"boxoffice/consumers/internal/eventbus"
	"boxoffice/consumers/internal/ministacktest"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/event"
)

func TestMain(m *testing.M) { os.Exit(ministacktest.Run(m)) }

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// What is put comes out at a queue that a rule feeds, with source, type and detail.
func TestEventsReachARule(t *testing.T) {
	ministacktest.Setenv(t)
	config := must[aws.Config](t)(awsclient.Load(t.Context()))
	buses, queues := eventbridge.NewFromConfig(config), sqs.NewFromConfig(config)
	must[*eventbridge.CreateEventBusOutput](t)(buses.CreateEventBus(t.Context(), &eventbridge.CreateEventBusInput{Name: aws.String("boxoffice")}))
	queue := must[*sqs.CreateQueueOutput](t)(queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("events")})).QueueUrl
	arn := must[*sqs.GetQueueAttributesOutput](t)(queues.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: queue, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn},
	})).Attributes["QueueArn"]
	must[*eventbridge.PutRuleOutput](t)(buses.PutRule(t.Context(), &eventbridge.PutRuleInput{
		Name: aws.String("all"), EventBusName: aws.String("boxoffice"), EventPattern: aws.String(`{"source":["` + event.Source + `"]}`),
	}))
	must[*eventbridge.PutTargetsOutput](t)(buses.PutTargets(t.Context(), &eventbridge.PutTargetsInput{
		Rule: aws.String("all"), EventBusName: aws.String("boxoffice"), Targets: []types.Target{{Id: aws.String("q"), Arn: aws.String(arn)}},
	}))

	bus := eventbus.New(buses, "boxoffice", retry.NoBreaker{})
	failed, err := bus.Put(t.Context(), []event.Event{{DetailType: "OrderHeld", Detail: `{"v":1}`, At: 1_800_000_000_000}})
	if err != nil || len(failed) != 1 || failed[0] != nil {
		t.Fatalf("put: %v, %v", failed, err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		got := must[*sqs.ReceiveMessageOutput](t)(queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue}))
		if len(got.Messages) > 0 {
			var e struct {
				Source     string          `json:"source"`
				DetailType string          `json:"detail-type"`
				Detail     json.RawMessage `json:"detail"`
			}
			if err := json.Unmarshal([]byte(*got.Messages[0].Body), &e); err != nil || e.Source != event.Source || e.DetailType != "OrderHeld" || string(e.Detail) != `{"v":1}` && string(e.Detail) != `{"v": 1}` {
				t.Errorf("got %+v, %v", e, err)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the event did not reach the queue")
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// sent keeps what it was given, for what the emulator does not hand on.
type sent struct{ entries []types.PutEventsRequestEntry }

func (s *sent) PutEvents(_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	s.entries = in.Entries
	return &eventbridge.PutEventsOutput{Entries: make([]types.PutEventsResultEntry, len(in.Entries))}, nil
}

// An event that is told again, or late, still says when it happened; events keep their order in the call.
func TestEventsCarryTheirOwnTime(t *testing.T) {
	client := &sent{}
	if _, err := eventbus.New(client, "b", retry.NoBreaker{}).Put(t.Context(), []event.Event{{DetailType: "A", At: 1_800_000_000_000}, {DetailType: "B", At: 1_800_000_000_001}}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"A", "B"} {
		if e := client.entries[i]; *e.DetailType != want || e.Time == nil || e.Time.UnixMilli() != 1_800_000_000_000+int64(i) {
			t.Errorf("entry %d is %s at %v", i, *e.DetailType, e.Time)
		}
	}
}

// scripted answers what no emulator does on demand.
type scripted struct {
	out *eventbridge.PutEventsOutput
	err error
}

func (s scripted) PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	return s.out, s.err
}

func TestFailedEntriesAreNamed(t *testing.T) {
	id, throttled := aws.String("id"), aws.String("ThrottlingException")
	for name, test := range map[string]struct {
		client scripted
		want   []bool // which entries failed; nil: the whole call
	}{
		"all taken":          {scripted{out: &eventbridge.PutEventsOutput{Entries: []types.PutEventsResultEntry{{EventId: id}, {EventId: id}}}}, []bool{false, false}},
		"the second refused": {scripted{out: &eventbridge.PutEventsOutput{FailedEntryCount: 1, Entries: []types.PutEventsResultEntry{{EventId: id}, {ErrorCode: throttled}}}}, []bool{false, true}},
		"one without an id":  {scripted{out: &eventbridge.PutEventsOutput{Entries: []types.PutEventsResultEntry{{}, {EventId: id}}}}, []bool{true, false}},
		"an id and a code":   {scripted{out: &eventbridge.PutEventsOutput{FailedEntryCount: 1, Entries: []types.PutEventsResultEntry{{EventId: id}, {EventId: id, ErrorCode: throttled}}}}, []bool{false, true}},
		"counted, not named": {scripted{out: &eventbridge.PutEventsOutput{FailedEntryCount: 1, Entries: []types.PutEventsResultEntry{{EventId: id}, {EventId: id}}}}, nil},
		"the call failed":    {scripted{err: errors.New("broken connection")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			failed, err := eventbus.New(test.client, "b", retry.NoBreaker{}).Put(t.Context(), make([]event.Event, 2))
			if (err != nil) != (test.want == nil) || len(failed) != len(test.want) {
				t.Fatalf("got %v, %v", failed, err)
			}
			for i, want := range test.want {
				if (failed[i] != nil) != want {
					t.Errorf("entry %d: %v", i, failed[i])
				}
			}
		})
	}
}

// hanging answers nothing until its caller gives up.
type hanging struct{ calls int }

func (h *hanging) PutEvents(ctx context.Context, _ *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	h.calls++
	<-ctx.Done()
	return nil, ctx.Err()
}

// A bus that hangs costs a call's own time and not the invocation's, and one that keeps hanging is not called for a while.
func TestABusThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, start := &hanging{}, time.Now()
		bus := eventbus.New(client, "b", retry.NewBreaker("eventbridge", retry.BreakerOptions{Failures: 2}))
		for range 2 {
			if failed, err := bus.Put(t.Context(), make([]event.Event, 1)); !errors.Is(err, context.DeadlineExceeded) || failed != nil {
				t.Errorf("got %v, %v", failed, err)
			}
		}
		if took := time.Since(start); took != 4*time.Second {
			t.Errorf("two calls took %s", took)
		}
		if _, err := bus.Put(t.Context(), make([]event.Event, 1)); !errors.Is(err, retry.ErrBreakerOpen) || client.calls != 2 {
			t.Errorf("got %v after %d calls", err, client.calls)
		}
	})
}
