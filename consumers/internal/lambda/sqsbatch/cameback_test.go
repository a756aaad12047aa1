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

// A note whose attempt came back, and which could not be deleted, does not count as a crash: its message came again sooner than
// it would have after one. The function has 5 s here and the queue keeps messages out of sight for 30 s, so that is 25 s.
func TestAttemptsThatCameBackAreNoCrashes(t *testing.T) {
	const s = time.Second
	plain, careful := "begin a1, a1, a2, end a1", "begin a1, a1, end a1, begin a1, begin a2, a2, end a2, end a1"
	poison := "begin a1, begin a2, a2, end a2, end a1"
	known := func(context.Context) (time.Duration, error) { return 30 * s, nil }
	for _, c := range []struct {
		name string
		// ago is when the earlier attempts began.
		ago        []time.Duration
		visibility func(context.Context) (time.Duration, error)
		forever    bool
		diary      string
		buried     string
	}{
		{name: "none", visibility: known, diary: plain},
		{name: "one that came back", visibility: known, ago: []time.Duration{24 * s}, diary: plain},
		{name: "many that came back", visibility: known, ago: []time.Duration{90 * s, 70 * s, 50 * s, 30 * s, 10 * s}, diary: plain},
		{name: "a crash", visibility: known, ago: []time.Duration{25 * s}, diary: careful},
		{name: "a crash among them", visibility: known, ago: []time.Duration{90 * s, 50 * s, 30 * s, 10 * s}, diary: careful},
		{name: "two crashes", visibility: known, ago: []time.Duration{60 * s, 30 * s}, diary: poison, buried: "a1: attempts"},
		{name: "two crashes among them", visibility: known, ago: []time.Duration{100 * s, 70 * s, 60 * s, 30 * s, 5 * s}, diary: poison, buried: "a1: attempts"},
		{name: "a clock that is behind", visibility: known, ago: []time.Duration{-2 * s}, diary: plain},
		{name: "nobody knows when the function ends", visibility: known, forever: true, ago: []time.Duration{s}, diary: careful},
		{name: "nobody asks the queue", ago: []time.Duration{s}, diary: careful},
		{name: "the queue does not answer", visibility: func(context.Context) (time.Duration, error) { return 0, errDown }, ago: []time.Duration{2 * s, s}, diary: poison, buried: "a1: attempts"},
		{name: "messages come again while they are handled", visibility: func(context.Context) (time.Duration, error) { return s, nil }, ago: []time.Duration{s}, diary: careful},
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
				if !c.forever {
					ctx = invocation(t, 5*s)
				}
				response, err := w.batches().Handle(ctx, withReceives(batch("a1", "a2"), 9))
				if err != nil || failures(response) != "" {
					t.Errorf("returned %q, error %v", failures(response), err)
				}
				if got := strings.Join(n.diary, ", "); got != c.diary || strings.Join(w.buried, " ") != c.buried {
					t.Errorf("did   %s\nwant  %s\nburied %v", got, c.diary, w.buried)
				}
				if open := n.Open(); len(open) > 0 {
					t.Errorf("notes left: %v", open)
				}
			})
		})
	}
}

// The queue is asked where there is a note of an earlier attempt, and once a minute; an answer that failed is none.
func TestTheQueueIsAskedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n := noting(t, always(nil), nil)
		asked, fails := 0, true
		w.options.Visibility = func(context.Context) (time.Duration, error) {
			asked++
			if fails {
				return 0, errors.New("no answer")
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

// A message whose note stays comes back in time to show that its attempt came back, unless a delay was chosen for it, or
// another attempt is known to fail for longer.
func TestWhatKeepsItsNoteComesBackSoon(t *testing.T) {
	for name, c := range map[string]struct {
		outcome error
		endErr  error
		want    time.Duration
	}{
		"its note ended":     {errDown, nil, 30 * time.Second},
		"its note stays":     {errDown, errDown, 2 * time.Second},
		"chosen":             {retry.WithDelay(40*time.Second, errDown), errDown, 40 * time.Second},
		"in vain until then": {&retry.BreakerOpenError{Name: "redis", After: 20 * time.Second}, errDown, 20 * time.Second},
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
