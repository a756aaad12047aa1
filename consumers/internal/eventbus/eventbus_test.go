package eventbus_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"
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
