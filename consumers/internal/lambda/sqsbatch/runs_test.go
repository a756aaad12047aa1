package sqsbatch_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
	"boxoffice/contracts/telemetry"
)

// inRuns makes a world handle messages of the kind PlaceOrder in runs. handled records a run as "a1+a2". handle may be nil.
func (w *world) inRuns(handle func(ctx context.Context, ids []string) []error) {
	w.options.Runs = &sqsbatch.Runs{
		Joins: func(d message.Delivery) bool { return d.Attributes.Kind == message.KindPlaceOrder },
		Handle: func(ctx context.Context, run []message.Delivery) []error {
			ids := make([]string, len(run))
			for i, d := range run {
				ids[i] = d.MessageID
			}
			w.mu.Lock()
			w.handled = append(w.handled, strings.Join(ids, "+"))
			w.mu.Unlock()
			if handle == nil {
				return allDone(ids)
			}
			return handle(ctx, ids)
		},
	}
}

// allDone returns a nil error for each message.
func allDone(ids []string) []error {
	return slices.Repeat([]error{nil}, len(ids))
}

// otherKind gives messages of a batch a kind that does not join.
func otherKind(e events.SQSEvent, ids ...string) events.SQSEvent {
	kind := string(message.KindRebuildGroup)
	for _, r := range e.Records {
		if slices.Contains(ids, r.MessageId) {
			r.MessageAttributes[message.AttributeKind] = events.SQSMessageAttribute{StringValue: &kind, DataType: "String"}
		}
	}
	return e
}

// handledOf returns the handler calls for a group, separated by spaces.
func (w *world) handledOf(group string) string {
	var of []string
	for _, call := range w.handled {
		if strings.HasPrefix(call, group) {
			of = append(of, call)
		}
	}
	return strings.Join(of, " ")
}

func TestRunsAreTheLongestSequences(t *testing.T) {
	for _, c := range []struct {
		name   string
		others []string
		want   string
	}{
		{"all join", nil, "a1+a2+a3+a4+a5"},
		{"none joins", []string{"a1", "a2", "a3", "a4", "a5"}, "a1 a2 a3 a4 a5"},
		{"one between", []string{"a3"}, "a1+a2 a3 a4+a5"},
		{"one that joins between", []string{"a2", "a4"}, "a1 a2 a3 a4 a5"},
		{"at the ends", []string{"a1", "a5"}, "a1 a2+a3+a4 a5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &world{}
			w.inRuns(nil)
			// Messages of other groups in between do not end a run.
			event := otherKind(batch("a1", "b1", "a2", "a3", "b2", "a4", "a5"), c.others...)
			response, err := w.batches().Handle(t.Context(), event)
			if err != nil || failures(response) != "" {
				t.Fatalf("returned %q, error %v", failures(response), err)
			}
			if got := w.handledOf("a"); got != c.want || w.handledOf("b") != "b1+b2" {
				t.Errorf("handled %q and %q, want %q", got, w.handledOf("b"), c.want)
			}
			for _, id := range []string{"a1", "a2", "a3", "a4", "a5"} {
				if lines := w.lines(t, id); len(lines) != 1 || lines[0][telemetry.KeyOutcome] != "done" {
					t.Errorf("log of %s: %v", id, lines)
				}
			}
		})
	}
}

// In each case this is the result of the run a1 a2 a3 of the group a1 a2 a3 a4, of which a4 does not join.
func TestEachOutcomeOfARunHasItsEffect(t *testing.T) {
	returns := func(outcomes ...error) func(context.Context, []string) []error {
		return func(context.Context, []string) []error { return outcomes }
	}
	done, refused, retried, poison := error(nil), retry.Refused("seat_taken"), errDown, retry.Poison("malformed", errDown)
	for _, c := range []struct {
		name     string
		handle   func(context.Context, []string) []error
		buryErr  error
		failures string
		buried   []string
		after    time.Duration
		logs     string // outcome of a1, a2, a3, a4
		handled  string
	}{
		{name: "all acknowledged", handle: returns(done, refused, done), logs: "done refused done done", handled: "a1+a2+a3 a4"},
		{name: "first fails", handle: returns(retried, done, done), failures: "a1 a2 a3 a4", after: 2 * time.Second, logs: "retryable done done unstarted", handled: "a1+a2+a3"},
		{name: "middle fails", handle: returns(done, retried, done), failures: "a2 a3 a4", after: 2 * time.Second, logs: "done retryable done unstarted", handled: "a1+a2+a3"},
		{name: "last fails", handle: returns(done, done, retried), failures: "a3 a4", after: 2 * time.Second, logs: "done done retryable unstarted", handled: "a1+a2+a3"},
		{name: "the first failure's delay", handle: returns(done, retry.WithDelay(7*time.Second, errDown), retry.WithDelay(9*time.Second, errDown)), failures: "a2 a3 a4", after: 7 * time.Second, logs: "done retryable retryable unstarted", handled: "a1+a2+a3"},
		{name: "poison marked as retryable", handle: returns(done, retry.Retryable(poison), done), failures: "a2 a3 a4", after: 2 * time.Second, logs: "done retryable done unstarted", handled: "a1+a2+a3"},
		{name: "poison", handle: returns(done, poison, done), buried: []string{"a2: malformed"}, logs: "done poison done done", handled: "a1+a2+a3 a4"},
		{name: "poison that cannot be buried", handle: returns(done, poison, done), buryErr: errDown, failures: "a2 a3 a4", after: 2 * time.Second, logs: "done retryable done unstarted", handled: "a1+a2+a3"},
		{name: "poison after a failure is not buried", handle: returns(retried, poison, done), failures: "a1 a2 a3 a4", after: 2 * time.Second, logs: "retryable poison done unstarted", handled: "a1+a2+a3"},
		{name: "fewer errors than messages", handle: returns(done), failures: "a2 a3 a4", logs: "done unstarted unstarted unstarted", handled: "a1+a2+a3"},
		{name: "fewer errors than messages, the last a failure", handle: returns(done, retried), failures: "a2 a3 a4", after: 2 * time.Second, logs: "done retryable unstarted unstarted", handled: "a1+a2+a3"},
		{name: "no errors at all", handle: returns(), failures: "a1 a2 a3 a4", after: 2 * time.Second, logs: "unstarted unstarted unstarted unstarted", handled: "a1+a2+a3"},
		{name: "more errors than messages", handle: returns(done, done, done, done), failures: "a1 a2 a3 a4", after: 2 * time.Second, logs: "retryable unstarted unstarted unstarted", handled: "a1+a2+a3"},
		{name: "panic", handle: func(context.Context, []string) []error { panic("boom") }, failures: "a1 a2 a3 a4", after: 2 * time.Second, logs: "retryable unstarted unstarted unstarted", handled: "a1+a2+a3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &world{buryErr: func(string) error { return c.buryErr }}
			w.inRuns(c.handle)
			response, err := w.batches().Handle(t.Context(), withReceives(otherKind(batch("a1", "a2", "a3", "a4"), "a4"), 2))
			if err != nil {
				t.Fatal(err)
			}
			w.wantReturned(t, response, c.failures, c.after)
			if got := w.handledOf("a"); got != c.handled || !slices.Equal(w.buried, c.buried) {
				t.Errorf("handled %q, buried %v, want %q and %v", got, w.buried, c.handled, c.buried)
			}
			var logs []string
			for _, id := range []string{"a1", "a2", "a3", "a4"} {
				for _, line := range w.lines(t, id) {
					logs = append(logs, line[telemetry.KeyOutcome].(string))
				}
			}
			if got := strings.Join(logs, " "); got != c.logs {
				t.Errorf("logged %q, want %q", got, c.logs)
			}
		})
	}
}

func TestRunContextEndsWithTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		w := &world{}
		w.inRuns(func(ctx context.Context, ids []string) []error {
			<-ctx.Done()
			if got := time.Since(begin); got != 1700*time.Millisecond {
				t.Errorf("ended at %s", got)
			}
			return []error{nil, ctx.Err()}
		})
		response, err := w.batches().Handle(invocation(t, 2*time.Second), otherKind(batch("a1", "a2", "a3", "a4"), "a4"))
		if got := failures(response); err != nil || got != "a2 a3 a4" || w.handledOf("a") != "a1+a2+a3" {
			t.Errorf("returned %q, error %v, handled %v", got, err, w.handled)
		}
	})
}

// Each message of a run has its own trace: the first one's would be wrong for the others.
func TestRunCarriesNoTrace(t *testing.T) {
	event := batch("a1", "a2")
	trace := "trace-1"
	event.Records[0].MessageAttributes[message.AttributeTrace] = events.SQSMessageAttribute{StringValue: &trace}
	w := &world{}
	w.inRuns(func(ctx context.Context, ids []string) []error {
		if got := telemetry.Trace(ctx); got != "" {
			t.Errorf("trace %q", got)
		}
		return allDone(ids)
	})
	if _, err := w.batches().Handle(t.Context(), event); err != nil || len(w.handled) != 1 {
		t.Errorf("handled %v, error %v", w.handled, err)
	}
}

// A panic of Joins makes the batch unusable.
func TestPanicOfJoinsMakesTheBatchUnusable(t *testing.T) {
	w := &world{}
	w.inRuns(nil)
	w.options.Runs.Joins = func(message.Delivery) bool { panic("boom") }
	if response, err := w.batches().Handle(t.Context(), batch("a1")); !errors.Is(err, sqsbatch.ErrUnusable) || response.BatchItemFailures != nil {
		t.Errorf("response %v, error %v", response, err)
	}
}
