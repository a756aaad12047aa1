package sqsbatch_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/memory/memattempts"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/telemetry"
)

// notebook is memattempts with a log of its calls, which may fail.
type notebook struct {
	memattempts.Notes
	mu       sync.Mutex
	calls    []string
	beginErr func(id string) error
	endErr   func(id string) error
}

func (n *notebook) log(line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calls = append(n.calls, line)
}

func (n *notebook) Begin(ctx context.Context, id string, at time.Time) ([]time.Time, error) {
	n.log("begin " + id)
	if n.beginErr != nil {
		if err := n.beginErr(id); err != nil {
			return nil, err
		}
	}
	return n.Notes.Begin(ctx, id, at)
}

func (n *notebook) End(ctx context.Context, id string) error {
	n.log("end " + id)
	if n.endErr != nil {
		if err := n.endErr(id); err != nil {
			return err
		}
	}
	return n.Notes.End(ctx, id)
}

// noting returns a world whose handler calls are logged in the notebook too. earlier is the number of earlier notes of messages.
func noting(t *testing.T, outcome func(id string) error, earlier map[string]int) (*world, *notebook) {
	t.Helper()
	n, w := &notebook{}, &world{}
	for id, count := range earlier {
		for range count {
			if _, err := n.Notes.Begin(t.Context(), id, time.Time{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.options.Attempts = n
	w.inRuns(func(_ context.Context, ids []string) []error {
		n.log(strings.Join(ids, "+"))
		var outcomes []error
		for _, id := range ids {
			outcomes = append(outcomes, outcome(id))
		}
		return outcomes
	})
	return w, n
}

// always returns a handler that returns o for every message.
func always(o error) func(string) error {
	return func(string) error { return o }
}

// atOnly returns a handler that returns o for one message and nil for the others.
func atOnly(id string, o error) func(string) error {
	return func(other string) error {
		if other == id {
			return o
		}
		return nil
	}
}

// In each case the group a1 a2 a3 is received with notes of earlier attempts.
func TestAttemptsAreNotedAndLostOnesAreFound(t *testing.T) {
	done, down := always(nil), errDown
	for _, c := range []struct {
		name     string
		receives int
		earlier  map[string]int
		outcome  func(string) error
		beginErr error
		endErr   error
		buryErr  error

		calls    string
		failures string
		buried   []string
		left     map[string]int
	}{
		{name: "first receive leaves no note", receives: 1, outcome: done, calls: "a1+a2+a3"},
		{name: "second receive", receives: 2, outcome: done, calls: "begin a1, a1, a2+a3, end a1"},
		{name: "after a long outage", receives: 90, outcome: done, calls: "begin a1, a1, a2+a3, end a1"},
		{name: "head refused", receives: 2, outcome: atOnly("a1", retry.Refused("seat_taken")), calls: "begin a1, a1, a2+a3, end a1"},
		{name: "head retryable", receives: 2, outcome: atOnly("a1", down), calls: "begin a1, a1, end a1", failures: "a1 a2 a3"},
		{name: "head poison", receives: 2, outcome: atOnly("a1", retry.Poison("p", down)), calls: "begin a1, a1, a2+a3, end a1", buried: []string{"a1: p"}},
		{name: "head poison that cannot be buried", receives: 2, outcome: atOnly("a1", retry.Poison("p", down)), buryErr: down, calls: "begin a1, a1, end a1", failures: "a1 a2 a3"},
		{name: "follower retryable", receives: 2, outcome: atOnly("a2", down), calls: "begin a1, a1, a2+a3, end a1", failures: "a2 a3"},
		{name: "one lost, all noted and handled alone", receives: 3, earlier: map[string]int{"a1": 1}, outcome: done,
			calls: "begin a1, a1, end a1, begin a1, begin a2, a2, end a2, begin a3, a3, end a3, end a1"},
		{name: "one lost, and the head fails", receives: 3, earlier: map[string]int{"a1": 1}, outcome: atOnly("a1", down),
			calls: "begin a1, a1, end a1", failures: "a1 a2 a3"},
		{name: "one lost, and a follower fails", receives: 3, earlier: map[string]int{"a1": 1}, outcome: atOnly("a2", down),
			calls: "begin a1, a1, end a1, begin a1, begin a2, a2, end a2, end a1", failures: "a2 a3"},
		{name: "two lost at the head", receives: 4, earlier: map[string]int{"a1": 2}, outcome: done,
			calls: "begin a1, begin a2, a2, end a2, begin a3, a3, end a3, end a1", buried: []string{"a1: attempts"}},
		{name: "two lost at the head, not buried", receives: 4, earlier: map[string]int{"a1": 2}, outcome: done, buryErr: down,
			calls: "begin a1", failures: "a1 a2 a3", left: map[string]int{"a1": 3}},
		{name: "two lost at a follower", receives: 5, earlier: map[string]int{"a1": 1, "a2": 2}, outcome: done,
			calls: "begin a1, a1, end a1, begin a1, begin a2, begin a3, a3, end a3, end a1, end a2", buried: []string{"a2: attempts"}},
		{name: "two lost at a follower, not buried", receives: 5, earlier: map[string]int{"a1": 1, "a2": 2}, outcome: done, buryErr: down,
			calls: "begin a1, a1, end a1, begin a1, begin a2, end a1", failures: "a2 a3", left: map[string]int{"a2": 3}},
		{name: "a follower's notes are not read", receives: 5, earlier: map[string]int{"a2": 9}, outcome: done,
			calls: "begin a1, a1, a2+a3, end a1", left: map[string]int{"a2": 9}},
		{name: "begin fails", receives: 2, outcome: done, beginErr: down, calls: "begin a1, end a1", failures: "a1 a2 a3"},
		{name: "begin writes nothing", receives: 3, earlier: map[string]int{"a1": 1}, outcome: done, beginErr: fmt.Errorf("%w: %w", sqsbatch.ErrNotNoted, down), calls: "begin a1",
			failures: "a1 a2 a3", left: map[string]int{"a1": 1}},
		{name: "begin refused by a breaker", receives: 3, earlier: map[string]int{"a1": 1}, outcome: done, beginErr: &retry.BreakerOpenError{}, calls: "begin a1",
			failures: "a1 a2 a3", left: map[string]int{"a1": 1}},
		{name: "end fails", receives: 2, outcome: done, endErr: down, calls: "begin a1, a1, a2+a3, end a1", left: map[string]int{"a1": 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, n := noting(t, c.outcome, c.earlier)
			n.beginErr = func(string) error { return c.beginErr }
			n.endErr = func(string) error { return c.endErr }
			w.buryErr = func(string) error { return c.buryErr }
			response, err := w.batches().Handle(t.Context(), withReceives(batch("a1", "a2", "a3"), c.receives))
			if err != nil || failures(response) != c.failures {
				t.Errorf("returned %q, error %v, want %q", failures(response), err, c.failures)
			}
			if got := strings.Join(n.calls, ", "); got != c.calls {
				t.Errorf("did   %s\nwant  %s", got, c.calls)
			}
			if open := n.Open(); !maps.Equal(open, c.left) || !slices.Equal(w.buried, c.buried) {
				t.Errorf("notes left %v, buried %v, want %v and %v", open, w.buried, c.left, c.buried)
			}
		})
	}
}

// Without runs every message is handled alone, and the head is noted in the same way.
func TestHeadIsNotedWithoutRuns(t *testing.T) {
	w, n := noting(t, always(nil), nil)
	w.options.Runs = nil
	w.outcome = func(_ context.Context, id string) error {
		n.log(id)
		return nil
	}
	if _, err := w.batches().Handle(t.Context(), withReceives(batch("a1", "a2"), 2)); err != nil {
		t.Fatal(err)
	}
	if want := []string{"begin a1", "a1", "a2", "end a1"}; !slices.Equal(n.calls, want) {
		t.Errorf("did %v, want %v", n.calls, want)
	}
}

// After a panic the process is alive, so the attempt has ended.
func TestPanicEndsTheAttempt(t *testing.T) {
	for name, spoil := range map[string]func(*world, *notebook){
		"handler": func(w *world, _ *notebook) {
			w.inRuns(func(context.Context, []string) []error { panic("boom") })
		},
		"begin": func(_ *world, n *notebook) { n.beginErr = func(string) error { panic("boom") } },
		"clock": func(w *world, n *notebook) {
			w.options.Now = func() time.Time {
				if len(n.Open()) > 0 {
					panic("boom")
				}
				return time.Now()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, n := noting(t, always(nil), nil)
			spoil(w, n)
			response, err := w.batches().Handle(invocation(t, time.Minute), withReceives(batch("a1", "a2"), 2))
			if (name == "clock") != (err != nil) || (name != "clock") != (failures(response) == "a1 a2") {
				t.Errorf("returned %q, error %v", failures(response), err)
			}
			if open := n.Open(); len(open) != 0 || !slices.Contains(n.calls, "end a1") {
				t.Errorf("notes left %v after %v", open, n.calls)
			}
		})
	}
}

// A panic of End changes nothing else.
func TestPanicOfEndIsHarmless(t *testing.T) {
	w, n := noting(t, always(nil), nil)
	n.endErr = func(string) error { panic("boom") }
	response, err := w.batches().Handle(t.Context(), withReceives(batch("a1", "a2"), 2))
	if err != nil || failures(response) != "" {
		t.Errorf("returned %q, error %v", failures(response), err)
	}
}

// The attempt of a handler that overran the invocation has ended too, and its note is deleted.
func TestNoteOfAnOverrunHandlerIsDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n := noting(t, func(string) error {
			time.Sleep(3 * time.Second)
			return errDown
		}, nil)
		response, err := w.batches().Handle(invocation(t, 2*time.Second), withReceives(batch("a1", "a2"), 2))
		if open := n.Open(); err != nil || failures(response) != "a1 a2" || len(open) != 0 {
			t.Errorf("returned %q, error %v, notes left %v", failures(response), err, open)
		}
	})
}

// If writing the note takes the handler's time, no message is started, and the note is deleted.
func TestSlowNoteStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n := noting(t, always(nil), nil)
		n.beginErr = func(string) error { time.Sleep(1700 * time.Millisecond); return nil }
		response, err := w.batches().Handle(invocation(t, 2*time.Second), withReceives(batch("a1", "a2"), 2))
		if open := n.Open(); err != nil || failures(response) != "a1 a2" || len(open) != 0 || len(w.handled) != 0 {
			t.Errorf("returned %q, error %v, notes left %v, handled %v", failures(response), err, open, w.handled)
		}
	})
}

func TestLostAndUnnotedAttemptsAreLogged(t *testing.T) {
	w, n := noting(t, always(nil), map[string]int{"a1": 2})
	n.beginErr = func(id string) error {
		if id == "b1" {
			return &retry.BreakerOpenError{Name: "dynamodb", After: 3 * time.Second}
		}
		return nil
	}
	if _, err := w.batches().Handle(t.Context(), withReceives(batch("a1", "b1"), 4)); err != nil {
		t.Fatal(err)
	}
	if lines := w.lines(t, "a1"); len(lines) != 1 || lines[0][telemetry.KeyOutcome] != "poison" || lines[0][telemetry.KeyReason] != "attempts" {
		t.Errorf("log of a1: %v", lines)
	}
	if lines := w.lines(t, "b1"); len(lines) != 1 || lines[0][telemetry.KeyOutcome] != "retryable" || lines[0][telemetry.KeyReason] != "attempt_not_noted" {
		t.Errorf("log of b1: %v", lines)
	}
	// The backoff, which is longer than the time of the breaker.
	if want := []returned{{"b1", 8 * time.Second}}; !slices.Equal(w.returns, want) {
		t.Errorf("visibility %v, want %v", w.returns, want)
	}
}
