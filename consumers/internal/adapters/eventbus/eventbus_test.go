package eventbus_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/consumers/internal/adapters/eventbus"
	"boxoffice/consumers/internal/lambda/streambatch"
	"boxoffice/consumers/internal/publish"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/awsfaults"
	"boxoffice/consumers/internal/testkit/ministacktest"
	"boxoffice/contracts"
	"boxoffice/contracts/event"
	"boxoffice/contracts/readmodel"
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

// received is an event as a rule delivers it.
type received struct {
	Source     string          `json:"source"`
	DetailType string          `json:"detail-type"`
	Detail     json.RawMessage `json:"detail"`
}

// rule is a queue to which a rule of the bus sends all events.
type rule struct {
	queues *sqs.Client
	url    *string
}

func newRule(t *testing.T, config aws.Config) rule {
	t.Helper()
	buses, r := eventbridge.NewFromConfig(config), rule{queues: sqs.NewFromConfig(config)}
	must[*eventbridge.CreateEventBusOutput](t)(buses.CreateEventBus(t.Context(), &eventbridge.CreateEventBusInput{Name: aws.String("boxoffice")}))
	r.url = must[*sqs.CreateQueueOutput](t)(r.queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("events")})).QueueUrl
	arn := must[*sqs.GetQueueAttributesOutput](t)(r.queues.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: r.url, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn},
	})).Attributes["QueueArn"]
	must[*eventbridge.PutRuleOutput](t)(buses.PutRule(t.Context(), &eventbridge.PutRuleInput{
		Name: aws.String("all"), EventBusName: aws.String("boxoffice"), EventPattern: aws.String(`{"source":["` + event.Source + `"]}`),
	}))
	must[*eventbridge.PutTargetsOutput](t)(buses.PutTargets(t.Context(), &eventbridge.PutTargetsInput{
		Rule: aws.String("all"), EventBusName: aws.String("boxoffice"), Targets: []types.Target{{Id: aws.String("q"), Arn: aws.String(arn)}},
	}))
	return r
}

// take receives events until enough returns true for them.
func (r rule) take(t *testing.T, enough func([]received) bool) (all []received) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		got := must[*sqs.ReceiveMessageOutput](t)(r.queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: r.url, MaxNumberOfMessages: 10}))
		for _, m := range got.Messages {
			var e received
			if err := json.Unmarshal([]byte(*m.Body), &e); err != nil {
				t.Fatal(err)
			}
			all = append(all, e)
		}
		if enough(all) {
			return all
		}
		if time.Now().After(deadline) {
			t.Fatalf("these alone reached the queue: %+v", all)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func newConfig(t *testing.T) aws.Config {
	t.Helper()
	ministacktest.Setenv(t)
	return must[aws.Config](t)(awsclient.Load(t.Context()))
}

// An event that is put arrives at a rule's queue with its source, type and detail.
func TestEventsReachARule(t *testing.T) {
	config := newConfig(t)
	r := newRule(t, config)
	bus := eventbus.New(eventbridge.NewFromConfig(config), "boxoffice", retry.NoBreaker{})
	failed, err := bus.Put(t.Context(), []event.Event{{DetailType: "OrderHeld", Detail: `{"v":1}`, At: 1_800_000_000_000}})
	if err != nil || len(failed) != 1 || failed[0] != nil {
		t.Fatalf("put: %v, %v", failed, err)
	}
	e := r.take(t, func(all []received) bool { return len(all) > 0 })[0]
	if e.Source != event.Source || e.DetailType != "OrderHeld" || string(e.Detail) != `{"v":1}` && string(e.Detail) != `{"v": 1}` {
		t.Errorf("got %+v", e)
	}
}

// Every version reaches the rule although the bus refuses some entries, throttles a call or loses its answer: the stream
// redelivers what publish reports as not done, and what is done has arrived.
func TestEveryVersionReachesARule(t *testing.T) {
	const versions = 12 // two calls
	for name, faults := range map[string][]awsfaults.Fault{
		"an entry refused":           {awsfaults.EntriesFailed("ThrottlingException", false, 3)},
		"entries refused, then more": {awsfaults.EntriesFailed("InternalFailure", false, 2, 5, 9), awsfaults.EntriesFailed("ThrottlingException", false, 0)},
		"all entries refused":        {awsfaults.EntriesFailed("ThrottlingException", false, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)},
		"throttled":                  {awsfaults.Throttled("ThrottlingException"), awsfaults.Throttled("ThrottlingException")},
		"both answers lost":          {awsfaults.Lost, awsfaults.Lost},
	} {
		t.Run(name, func(t *testing.T) {
			config := newConfig(t)
			r := newRule(t, config)
			broken := awsfaults.Into(&config)
			broken.Next("PutEvents", faults...)
			publisher := publish.Publisher{
				Bus: eventbus.New(eventbridge.NewFromConfig(config), "boxoffice", retry.NoBreaker{}), Log: slog.New(slog.DiscardHandler),
			}
			var records []streambatch.Record
			for i := range versions {
				records = append(records, streambatch.Record{Row: readmodel.Order{
					OrderID: "order", Status: contracts.Held, Version: i + 1, History: []readmodel.HistoryEntry{{At: 1}},
				}})
			}
			tries := 0
			for rest := records; len(rest) > 0 && tries < 10; tries++ {
				done, err := publisher.Handle(t.Context(), rest)
				if (err == nil) != (done == len(rest)) {
					t.Fatalf("%d of %d done, %v", done, len(rest), err)
				}
				rest = rest[done:]
			}
			if tries == 1 || broken.Left() > 0 {
				t.Errorf("done in %d tries, with %d faults left", tries, broken.Left())
			}
			r.take(t, func(all []received) bool {
				out := map[int]bool{}
				for _, e := range all {
					o, err := event.Decode(e.Detail)
					if err != nil || o.Version < 1 || o.Version > versions {
						t.Fatalf("event %s: %v", e.Detail, err)
					}
					out[o.Version] = true
				}
				return len(out) == versions
			})
		})
	}
}

// sent records its input, for what the emulator does not pass on.
type sent struct{ entries []types.PutEventsRequestEntry }

func (s *sent) PutEvents(_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	s.entries = in.Entries
	return &eventbridge.PutEventsOutput{Entries: make([]types.PutEventsResultEntry, len(in.Entries))}, nil
}

// An event that is sent again, or late, still has the time at which it happened; events keep their order in the call.
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

// scripted returns results that no emulator produces on demand.
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

// An entry or a call that is wrong in itself is told apart from one that may succeed later. Only the latter counts as a
// failure for the breaker.
func TestFinalRefusalIsPoison(t *testing.T) {
	for code, final := range map[string]bool{
		"MalformedDetail": true, "InvalidArgument": true,
		"ThrottlingException": false, "InternalFailure": false, "InternalException": false, "AccessDeniedException": false,
		"NotAuthorizedForSourceException": false, "": false,
	} {
		client := scripted{out: &eventbridge.PutEventsOutput{FailedEntryCount: 1, Entries: []types.PutEventsResultEntry{{EventId: aws.String("id")}, {ErrorCode: aws.String(code)}}}}
		failed, err := eventbus.New(client, "b", retry.NoBreaker{}).Put(t.Context(), make([]event.Event, 2))
		var entry *eventbus.EntryError
		if err != nil || len(failed) != 2 || failed[0] != nil || !errors.As(failed[1], &entry) || entry.Code != code {
			t.Fatalf("%s: %v, %v", code, failed, err)
		}
		if got := retry.Classify(failed[1]).Class == retry.ClassPoison; got != final {
			t.Errorf("entry %s: final %t, want %t", code, got, final)
		}
	}
	for code, final := range map[string]bool{
		"ValidationException": true, "RequestEntityTooLarge": true,
		"ThrottlingException": false, "AccessDeniedException": false, "ResourceNotFoundException": false, "InternalException": false,
	} {
		config := newConfig(t)
		awsfaults.Into(&config).Next("PutEvents", awsfaults.Throttled(code), awsfaults.Throttled(code), awsfaults.Throttled(code))
		_, err := eventbus.New(eventbridge.NewFromConfig(config), "boxoffice", retry.NoBreaker{}).Put(t.Context(), []event.Event{{DetailType: "A", Detail: "{}"}})
		if err == nil || (retry.Classify(err).Class == retry.ClassPoison) != final || eventbus.Healthy(err) != final {
			t.Errorf("call refused with %s: %v, want it final: %t", code, err, final)
		}
	}
	if !eventbus.Healthy(nil) || eventbus.Healthy(errors.New("broken connection")) {
		t.Error("Healthy is wrong for no error or for a broken connection")
	}
}

// hanging blocks until its caller's context ends.
type hanging struct{ calls int }

func (h *hanging) PutEvents(ctx context.Context, _ *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	h.calls++
	<-ctx.Done()
	return nil, ctx.Err()
}

// A bus that hangs costs the timeout of one call, not that of the invocation. After two calls of two attempts each it is
// not called for a while.
func TestHangingBusIsNotCalled(t *testing.T) {
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
		if _, err := bus.Put(t.Context(), make([]event.Event, 1)); !errors.Is(err, retry.ErrBreakerOpen) || client.calls != 4 {
			t.Errorf("got %v after %d calls", err, client.calls)
		}
	})
}
