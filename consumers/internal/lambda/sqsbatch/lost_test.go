package sqsbatch_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/consumers/internal/retry"
)

// A note that could not be deleted although its attempt had ended does not count as a crash: its message was redelivered sooner
// than after a crash. Here the function has 5 s and the visibility timeout is 30 s, so a crash shows after at least 25 s.
func TestAttemptsThatEndedAreNoCrashes(t *testing.T) {
	const s = time.Second
	together, oneByOne := "begin a1, a1, a2, end a1", "begin a1, a1, end a1, begin a1, begin a2, a2, end a2, end a1"
	poison := "begin a1, begin a2, a2, end a2, end a1"
	known := func(context.Context) (time.Duration, error) { return 30 * s, nil }
	for _, c := range []struct {
		name string
		// ago is how long ago the earlier attempts began.
		ago        []time.Duration
		visibility func(context.Context) (time.Duration, error)
		noDeadline bool
		calls      string
		buried     string
	}{
		{name: "none", visibility: known, calls: together},
		{name: "one that ended", visibility: known, ago: []time.Duration{24 * s}, calls: together},
		{name: "many that ended", visibility: known, ago: []time.Duration{90 * s, 70 * s, 50 * s, 30 * s, 10 * s}, calls: together},
		{name: "a crash", visibility: known, ago: []time.Duration{25 * s}, calls: oneByOne},
		{name: "a crash among them", visibility: known, ago: []time.Duration{90 * s, 50 * s, 30 * s, 10 * s}, calls: oneByOne},
		{name: "two crashes", visibility: known, ago: []time.Duration{60 * s, 30 * s}, calls: poison, buried: "a1: attempts"},
		{name: "two crashes among them", visibility: known, ago: []time.Duration{100 * s, 70 * s, 60 * s, 30 * s, 5 * s}, calls: poison, buried: "a1: attempts"},
		{name: "a clock that is behind", visibility: known, ago: []time.Duration{-2 * s}, calls: together},
		{name: "a context without a deadline", visibility: known, noDeadline: true, ago: []time.Duration{s}, calls: oneByOne},
		{name: "no Visibility", ago: []time.Duration{s}, calls: oneByOne},
		{name: "the queue is unreachable", visibility: func(context.Context) (time.Duration, error) { return 0, errDown }, ago: []time.Duration{2 * s, s}, calls: poison, buried: "a1: attempts"},
		{name: "a visibility timeout shorter than the function", visibility: func(context.Context) (time.Duration, error) { return s, nil }, ago: []time.Duration{s}, calls: oneByOne},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, n := noting(t, always(nil), nil)
				w.options.Visibility = c.visibility
				for _, ago := range c.ago {
					if _, err := n.Notes.Begin(t.Context(), "a1", time.Now().Add(-ago)); err != nil {
						t.Fatal(err)
					}
				}
				ctx := t.Context()
				if !c.noDeadline {
					ctx = invocation(t, 5*s)
				}
				response, err := w.batches().Handle(ctx, withReceives(batch("a1", "a2"), 9))
				if err != nil || failures(response) != "" {
					t.Errorf("returned %q, error %v", failures(response), err)
				}
				if got := strings.Join(n.calls, ", "); got != c.calls || strings.Join(w.buried, " ") != c.buried {
					t.Errorf("did   %s\nwant  %s\nburied %v", got, c.calls, w.buried)
				}
				if open := n.Open(); len(open) > 0 {
					t.Errorf("notes left: %v", open)
				}
			})
		})
	}
}

// The queue is asked only for a message with a note of an earlier attempt, and once a minute. An error is not cached.
func TestTheVisibilityTimeoutIsCached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n := noting(t, always(nil), nil)
		asked, fails := 0, true
		w.options.Visibility = func(context.Context) (time.Duration, error) {
			asked++
			if fails {
				return 0, errors.New("unreachable")
			}
			return 30 * time.Second, nil
		}
		b := w.batches()
		handle := func(noted bool, want int) {
			t.Helper()
			if noted {
				if _, err := n.Notes.Begin(t.Context(), "a1", time.Now().Add(-time.Second)); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := b.Handle(invocation(t, 5*time.Second), withReceives(batch("a1"), 2)); err != nil || asked != want {
				t.Errorf("asked %d times, want %d; error %v", asked, want, err)
			}
		}
		handle(false, 0)
		handle(true, 1)
		handle(true, 2)
		fails = false
		handle(true, 3)
		handle(true, 3)
		time.Sleep(59 * time.Second)
		handle(true, 3)
		time.Sleep(time.Second)
		handle(true, 4)
	})
}

// A message whose note could not be deleted is redelivered soon enough to show that its attempt has ended, unless its error asks
// for a delay, or another attempt is known to fail for longer.
func TestAMessageThatKeepsItsNoteIsRedeliveredSoon(t *testing.T) {
	for name, c := range map[string]struct {
		outcome error
		endErr  error
		want    time.Duration
	}{
		"note deleted":     {errDown, nil, 30 * time.Second},
		"note not deleted": {errDown, errDown, 2 * time.Second},
		"delay asked for":  {retry.WithDelay(40*time.Second, errDown), errDown, 40 * time.Second},
		"known to fail":    {&retry.BreakerOpenError{Name: "redis", After: 20 * time.Second}, errDown, 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, n := noting(t, always(c.outcome), nil)
				n.endErr = func(string) error { return c.endErr }
				if _, err := w.batches().Handle(invocation(t, 5*time.Second), withReceives(batch("a1", "a2"), 90)); err != nil {
					t.Fatal(err)
				}
				if want := []returned{{"a1 a2", c.want}}; !slices.Equal(w.returns, want) {
					t.Errorf("visibility %v, want %v", w.returns, want)
				}
			})
		})
	}
}
