package sqsbatch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
	"boxoffice/contracts/telemetry"
)

var errDown = errors.New("dependency down")

// In each case the handler returns this error for message a2 of the batch a1 a2 a3 b1. b1 must always be handled.
func TestEachOutcomeHasItsEffect(t *testing.T) {
	a2 := func(o error) func(context.Context, string) error {
		return func(_ context.Context, id string) error {
			if id == "a2" {
				return o
			}
			return nil
		}
	}
	for _, c := range []struct {
		name      string
		outcome   func(context.Context, string) error
		receives  int
		buryErr   error
		buryPanic bool
		returnErr error

		failures string
		handled  string
		buried   []string
		after    time.Duration
		logged   string
		reason   string
		poisoned float64
	}{
		{name: "done", outcome: a2(nil), handled: "a1 a2 a3", logged: "done"},
		{name: "refused", outcome: a2(retry.Refused("seat_taken")), handled: "a1 a2 a3", logged: "refused", reason: "seat_taken"},
		{name: "retryable", outcome: a2(errDown), receives: 1, handled: "a1 a2", failures: "a2 a3", after: time.Second, logged: "retryable"},
		{name: "retryable, received often", outcome: a2(errDown), receives: 4, handled: "a1 a2", failures: "a2 a3", after: 8 * time.Second, logged: "retryable"},
		{name: "retryable after a long outage", outcome: a2(errDown), receives: 90, handled: "a1 a2", failures: "a2 a3", after: 30 * time.Second, logged: "retryable"},
		{name: "retryable with its own delay", outcome: a2(retry.WithDelay(42*time.Second, errDown)), receives: 90, handled: "a1 a2", failures: "a2 a3", after: 42 * time.Second, logged: "retryable"},
		{name: "poison marked as retryable", outcome: a2(retry.Retryable(retry.Poison("p", errDown))), receives: 1, handled: "a1 a2", failures: "a2 a3", after: time.Second, logged: "retryable"},
		{name: "return fails", outcome: a2(errDown), receives: 1, returnErr: errDown, handled: "a1 a2", failures: "a2 a3", after: time.Second, logged: "retryable"},
		{name: "poison", outcome: a2(retry.Poison("malformed", errDown)), handled: "a1 a2 a3", buried: []string{"a2: malformed"}, logged: "poison", reason: "malformed", poisoned: 1},
		{name: "poison that cannot be buried", outcome: a2(retry.Poison("malformed", errDown)), receives: 2, buryErr: errDown, handled: "a1 a2", failures: "a2 a3", after: 2 * time.Second, logged: "retryable", reason: "bury_failed"},
		{name: "bury asks for a delay", outcome: a2(retry.Poison("malformed", errDown)), buryErr: &retry.BreakerOpenError{Name: "sqs", After: 5 * time.Second}, handled: "a1 a2", failures: "a2 a3", after: 5 * time.Second, logged: "retryable", reason: "bury_failed"},
		{name: "bury panics", outcome: a2(retry.Poison("malformed", errDown)), receives: 1, buryPanic: true, handled: "a1 a2", failures: "a2 a3", after: time.Second, logged: "retryable", reason: "bury_failed"},
		{name: "panic", outcome: func(_ context.Context, id string) error {
			if id == "a2" {
				panic("boom")
			}
			return nil
		}, receives: 1, handled: "a1 a2", failures: "a2 a3", after: time.Second, logged: "retryable", reason: "panic"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &world{outcome: c.outcome, returnErr: c.returnErr, buryErr: func(string) error {
				if c.buryPanic {
					panic("boom")
				}
				return c.buryErr
			}}
			response, err := w.batches().Handle(t.Context(), withReceives(batch("a1", "a2", "a3", "b1"), c.receives))
			if err != nil {
				t.Fatal(err)
			}
			w.wantReturned(t, response, c.failures, c.after)
			ofA := slices.DeleteFunc(slices.Clone(w.handled), func(id string) bool { return id == "b1" })
			if got := strings.Join(ofA, " "); got != c.handled || len(ofA) == len(w.handled) {
				t.Errorf("handled %v, want %q and b1", w.handled, c.handled)
			}
			if !slices.Equal(w.buried, c.buried) {
				t.Errorf("buried %v, want %v", w.buried, c.buried)
			}
			lines := w.lines(t, "a2")
			if len(lines) != 1 || lines[0][telemetry.KeyOutcome] != c.logged || (c.reason != "" && lines[0][telemetry.KeyReason] != c.reason) {
				t.Errorf("log of a2 is %v, want one line %q %q", lines, c.logged, c.reason)
			}
			if got := w.metric(t, telemetry.MessagesPoisoned); got != c.poisoned {
				t.Errorf("MessagesPoisoned = %v, want %v", got, c.poisoned)
			}
		})
	}
}

// wantReturned checks which messages were returned, separated by spaces, with which delay, and their metric.
func (w *world) wantReturned(t *testing.T, response events.SQSEventResponse, ids string, after time.Duration) {
	t.Helper()
	if got := failures(response); got != ids {
		t.Errorf("returned %q, want %q", got, ids)
	}
	var returns []returned
	if ids != "" {
		returns = []returned{{ids, after}}
	}
	if !slices.Equal(w.returns, returns) {
		t.Errorf("visibility %v, want %v", w.returns, returns)
	}
	if got := w.metric(t, telemetry.MessagesReturned); got != float64(len(strings.Fields(ids))) {
		t.Errorf("MessagesReturned = %v, want %d", got, len(strings.Fields(ids)))
	}
}

// The jitter is rounded to whole seconds before it reaches the queue, which rounds up: the first delay would always be 1 s.
func TestBackoffIsInWholeSeconds(t *testing.T) {
	w := &world{outcome: func(context.Context, string) error { return errDown }}
	w.options.Backoff = retry.NewFullJitter(400*time.Millisecond, time.Minute, highest{})
	if _, err := w.batches().Handle(t.Context(), batch("a1")); err != nil {
		t.Fatal(err)
	}
	if want := []returned{{"a1", 0}}; !slices.Equal(w.returns, want) {
		t.Errorf("visibility %v, want %v", w.returns, want)
	}
}

func TestPanicIsLoggedWithItsStack(t *testing.T) {
	w := &world{outcome: func(context.Context, string) error { panic("boom") }}
	if _, err := w.batches().Handle(t.Context(), batch("a1")); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(w.log.String(), `"stack":"goroutine `) || !strings.Contains(w.log.String(), "TestPanicIsLoggedWithItsStack") {
		t.Errorf("no stack with the handler in %s", w.log.String())
	}
}

func TestResponseIsNeverNull(t *testing.T) {
	for name, event := range map[string]events.SQSEvent{"empty batch": {}, "all done": batch("a1", "b1")} {
		w := &world{}
		response, err := w.batches().Handle(t.Context(), event)
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := json.Marshal(response)
		if err != nil || string(encoded) != `{"batchItemFailures":[]}` {
			t.Errorf("%s: response %s, error %v", name, encoded, err)
		}
	}
}

// A batch for which no response can name the messages to redeliver is an error, which redelivers all of it, never an empty list.
func TestUnusableBatchIsAnError(t *testing.T) {
	noID := batch("a1", "a2")
	noID.Records[1].MessageId = ""
	for name, c := range map[string]struct {
		event events.SQSEvent
		spoil func(*world)
	}{
		"no message id": {event: noID},
		"one id twice":  {event: batch("a1", "a1")},
		"handler ends goroutine": {event: batch("a1"), spoil: func(w *world) {
			w.outcome = func(context.Context, string) error { goexit(); return nil }
		}},
		"Go panics":    {event: batch("a1"), spoil: func(w *world) { w.options.Go = func(func()) { panic("boom") } }},
		"clock panics": {event: batch("a1"), spoil: func(w *world) { w.options.Now = func() time.Time { panic("boom") } }},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{}
			if c.spoil != nil {
				c.spoil(w)
			}
			response, err := w.batches().Handle(t.Context(), c.event)
			if !errors.Is(err, sqsbatch.ErrUnusable) || response.BatchItemFailures != nil {
				t.Errorf("response %v, error %v, want ErrUnusable alone", response, err)
			}
		})
	}
}

func TestMessagesWithoutAGroupAreAGroup(t *testing.T) {
	event := batch("1", "2", "a1")
	for _, r := range event.Records[:2] {
		delete(r.Attributes, "MessageGroupId")
	}
	w := &world{outcome: func(_ context.Context, id string) error {
		if id == "1" {
			return errDown
		}
		return nil
	}}
	response, err := w.batches().Handle(t.Context(), event)
	if got := failures(response); err != nil || got != "1 2" {
		t.Errorf("returned %q, error %v, want all of the group without a name", got, err)
	}
}

// The log line of a message contains ids, numbers and codes, and never the body.
func TestLogLineHasIDsAndNoBody(t *testing.T) {
	event := batch("a1")
	trace := "trace-1"
	event.Records[0].MessageAttributes[message.AttributeTrace] = events.SQSMessageAttribute{StringValue: &trace}
	w := &world{outcome: func(ctx context.Context, _ string) error {
		if telemetry.Trace(ctx) != trace {
			return retry.Poison("trace is not in the context", nil)
		}
		return fmt.Errorf("get row: %w", errDown)
	}}
	sent := time.UnixMilli(1700000000000)
	w.options.Now = func() time.Time { return sent.Add(1500 * time.Millisecond) }
	if _, err := w.batches().Handle(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"level": "WARN", "msg": "message handled", "function": "test", "kind": "PlaceOrder", "orderId": "order-of-a1", "seatGroup": "a",
		"messageId": "a1", "sequenceNumber": "00000000000000000042", "receiveCount": 1.0, "outcome": "retryable", "error": "get row: dependency down",
		"lagMs": 1500.0, "durationMs": 0.0, "trace": trace,
	}
	lines := w.lines(t, "a1")
	if len(lines) != 1 {
		t.Fatalf("%d lines", len(lines))
	}
	delete(lines[0], "time")
	if got := fmt.Sprint(lines[0]); got != fmt.Sprint(want) {
		t.Errorf("line %s\nwant %s", got, fmt.Sprint(want))
	}
	if strings.Contains(w.log.String(), "body of") {
		t.Error("a body is in the log")
	}
}

func TestFollowersAreLoggedAsUnstarted(t *testing.T) {
	w := &world{outcome: func(context.Context, string) error { return errDown }}
	if _, err := w.batches().Handle(t.Context(), batch("a1", "a2")); err != nil {
		t.Fatal(err)
	}
	lines := w.lines(t, "a2")
	if len(lines) != 1 || lines[0][telemetry.KeyOutcome] != "unstarted" || lines[0][telemetry.KeyReason] != "behind_a_returned_message" {
		t.Errorf("lines of the follower: %v", lines)
	}
}
