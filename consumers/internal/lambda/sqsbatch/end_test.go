package sqsbatch_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/consumers/internal/retry"
)

// hang waits like a call whose dependency does not respond.
func hang(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// hangingNotes is a notebook whose deletes hang.
type hangingNotes struct{ *notebook }

func (n hangingNotes) End(ctx context.Context, id string) error {
	n.log("end " + id)
	return hang(ctx)
}

// Whatever hangs until the end of its time, the rest of the group is returned at least 100 ms before the context ends: a message
// whose note could not be deleted shows only by an early redelivery that its attempt has ended.
func TestWhatHangsLeavesTimeToReturn(t *testing.T) {
	const limit, response = 5 * time.Second, 100 * time.Millisecond
	hangs := func(ctx context.Context, _ string) error {
		return hang(ctx)
	}
	poison := func(ctx context.Context, _ string) error {
		_ = hang(ctx)
		return retry.Poison("p", nil)
	}
	for name, c := range map[string]struct {
		outcome    func(context.Context, string) error
		receives   int
		buryHangs  bool
		endHangs   bool
		beginHangs bool
		returns    string
	}{
		"the handler":                   {outcome: hangs, receives: 1, returns: "a1 a2"},
		"the handler and the delete":    {outcome: hangs, receives: 2, endHangs: true, returns: "a1 a2"},
		"the note and the delete":       {beginHangs: true, receives: 2, endHangs: true, returns: "a1 a2"},
		"the bury":                      {outcome: poison, receives: 1, buryHangs: true, returns: "a1 a2"},
		"the bury and the delete":       {outcome: poison, receives: 2, buryHangs: true, endHangs: true, returns: "a1 a2"},
		"the delete, for buried poison": {outcome: poison, receives: 2, endHangs: true, returns: "a2"},
		"the delete, for a message done late": {outcome: func(ctx context.Context, _ string) error {
			_ = hang(ctx)
			return nil
		}, receives: 2, endHangs: true, returns: "a2"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, n := noting(t, nil, nil)
				w.options.Runs, w.outcome = nil, c.outcome
				w.options.Attempts = n
				if c.endHangs {
					w.options.Attempts = hangingNotes{n}
				}
				if c.beginHangs {
					w.options.Attempts = hangingBegin{hangingNotes{n}}
				}
				if c.buryHangs {
					w.hangingBury = true
				}
				ctx := invocation(t, limit)
				end, _ := ctx.Deadline()
				var left time.Duration
				w.onReturn = func() { left = time.Until(end) }
				if _, err := w.batches().Handle(ctx, withReceives(batch("a1", "a2"), c.receives)); err != nil {
					t.Fatal(err)
				}
				if len(w.returns) != 1 || w.returns[0].ids != c.returns || left < response {
					t.Fatalf("returned %v with %s left, want %s with at least %s", w.returns, left, c.returns, response)
				}
				if c.endHangs && w.returns[0].after > 2*time.Second {
					t.Errorf("a message whose note stays is redelivered after %s", w.returns[0].after)
				}
				if past := time.Since(end); past > 0 {
					t.Errorf("responded %s after the context's end", past)
				}
			})
		})
	}
}

// hangingBegin is hangingNotes whose Begin hangs too, after it has written the note.
type hangingBegin struct{ hangingNotes }

func (n hangingBegin) Begin(ctx context.Context, id string, at time.Time) ([]time.Time, error) {
	_, _ = n.Notes.Begin(ctx, id, at)
	return nil, hang(ctx)
}

// Messages whose handler and whose deletes hang are never poison: they are redelivered sooner than after a crash.
func TestHangingHandlersAndDeletesMakeNoPoison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const function, visibility = 5 * time.Second, 30 * time.Second
		w, n := noting(t, nil, nil)
		w.options.Runs, w.options.Attempts = nil, hangingNotes{n}
		w.options.Visibility = func(context.Context) (time.Duration, error) { return visibility, nil }
		w.outcome = func(ctx context.Context, _ string) error { return hang(ctx) }
		b := w.batches()
		for round := 2; round < 12; round++ {
			begun := time.Now()
			w.returns = nil
			if _, err := b.Handle(invocation(t, function), withReceives(batch("a1"), round)); err != nil {
				t.Fatal(err)
			}
			if len(w.returns) == 1 {
				time.Sleep(w.returns[0].after)
			} else {
				time.Sleep(visibility - time.Since(begun))
			}
		}
		if len(w.buried) > 0 || len(w.handled) != 10 {
			t.Errorf("buried %v, handled %v", w.buried, w.handled)
		}
	})
}

// However many notes are deleted at the end of the batch, hanging deletes end before Lambda's deadline.
func TestDeletesAtTheEndOfTheBatchShareOneTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ids []string
		earlier := map[string]int{}
		for i := range 5 {
			for _, group := range []string{"a", "b"} {
				id := fmt.Sprint(group, i+1)
				ids, earlier[id] = append(ids, id), 2
			}
		}
		w, n := noting(t, nil, earlier)
		w.options.Runs, w.options.Attempts = nil, hangingNotes{n}
		// The last message of each group works until the end of the budget.
		w.outcome = func(ctx context.Context, id string) error { return hang(ctx) }
		ids = append(ids, "a6", "b6")
		ctx := invocation(t, 5*time.Second)
		end, _ := ctx.Deadline()
		response, err := w.batches().Handle(ctx, withReceives(batch(ids...), 4))
		if err != nil || failures(response) != "a6 b6" || len(w.buried) != 10 {
			t.Errorf("returned %q, error %v, buried %v", failures(response), err, w.buried)
		}
		if past := time.Since(end); past > 100*time.Millisecond {
			t.Errorf("responded %s after the context's end", past)
		}
	})
}

// After a handler that overruns its budget, the messages are returned if time is left, and Handle returns soon after the end of
// the context.
func TestAnOverrunIsBounded(t *testing.T) {
	for _, over := range []time.Duration{-50 * time.Millisecond, 0, 50 * time.Millisecond, 150 * time.Millisecond, 250 * time.Millisecond, 310 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			w, n := noting(t, nil, map[string]int{"b1": 2})
			w.options.Runs, w.options.Attempts = nil, hangingNotes{n}
			ctx := invocation(t, 5*time.Second)
			end, _ := ctx.Deadline()
			ended := end.Add(-300*time.Millisecond + over)
			w.outcome = func(context.Context, string) error {
				time.Sleep(time.Until(ended))
				return errDown
			}
			if _, err := w.batches().Handle(ctx, withReceives(batch("a1", "b1"), 4)); err != nil {
				t.Fatal(err)
			}
			if past := time.Since(end); past > 210*time.Millisecond {
				t.Errorf("%s over the budget: responded %s after the context's end", over, past)
			}
			if over <= 150*time.Millisecond && !slices.ContainsFunc(w.returns, func(r returned) bool { return r.ids == "a1" }) {
				t.Errorf("%s over the budget: returned %v", over, w.returns)
			}
		})
	}
}
