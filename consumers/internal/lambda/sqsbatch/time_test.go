package sqsbatch_test

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/consumers/internal/retry"
)

func goexit() { runtime.Goexit() }

// invocation returns the context of an invocation that ends after d.
func invocation(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// A blocked group delays no other: a1 waits for all of b, and would wait for ever if groups were handled one after another.
func TestGroupsAreHandledConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		w := &world{outcome: func(_ context.Context, id string) error {
			switch id {
			case "a1":
				<-gate
			case "b3":
				close(gate)
			}
			return nil
		}}
		response, err := w.batches().Handle(t.Context(), batch("a1", "b1", "a2", "b2", "b3"))
		if err != nil || failures(response) != "" {
			t.Errorf("returned %q, error %v", failures(response), err)
		}
	})
}

// The messages of a group are returned while another group is still being handled.
func TestReturnDoesNotWaitForOtherGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		w.outcome = func(_ context.Context, id string) error {
			if id == "a1" {
				return errDown
			}
			synctest.Wait()
			w.mu.Lock()
			defer w.mu.Unlock()
			if len(w.returns) != 1 {
				t.Error("a1 is not returned while b1 is being handled")
			}
			return nil
		}
		if _, err := w.batches().Handle(t.Context(), batch("a1", "b1")); err != nil {
			t.Fatal(err)
		}
	})
}

func TestOptionsGoStartsEachGroup(t *testing.T) {
	w := &world{}
	spawned := 0
	w.options.Go = func(f func()) { spawned++; f() }
	if _, err := w.batches().Handle(t.Context(), batch("b1", "a1", "b2", "a2")); err != nil {
		t.Fatal(err)
	}
	// Without concurrency the order is that of the groups' first messages.
	if want := []string{"b1", "b2", "a1", "a2"}; spawned != 2 || !slices.Equal(w.handled, want) {
		t.Errorf("%d spawned, handled %v", spawned, w.handled)
	}
}

// With 2 s in all, 300 ms of margin and 700 ms per message, the third message starts at 1.4 s with 300 ms of the budget left, and
// there is no time left for the fourth, which is returned without a delay.
func TestHandlersEndWithTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var deadlines []time.Duration
		w := &world{outcome: func(ctx context.Context, _ string) error {
			deadline, _ := ctx.Deadline()
			deadlines = append(deadlines, deadline.Sub(begin))
			worked, stop := after(700 * time.Millisecond)
			defer stop()
			select {
			case <-worked:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		response, err := w.batches().Handle(invocation(t, 2*time.Second), batch("a1", "a2", "a3", "a4"))
		if err != nil {
			t.Fatal(err)
		}
		if got := failures(response); got != "a3 a4" {
			t.Errorf("returned %q, want a3 (cut off) and a4", got)
		}
		budget := 1700 * time.Millisecond
		if want := []time.Duration{budget, budget, budget}; !slices.Equal(deadlines, want) {
			t.Errorf("deadlines %v, want %v", deadlines, want)
		}
		if took := time.Since(begin); took != budget {
			t.Errorf("responded at %s, want %s: the margin is for returning", took, budget)
		}
	})
}

func TestAMessageIsNotStartedWithoutEnoughTime(t *testing.T) {
	for _, c := range []struct {
		name    string
		each    time.Duration
		handled []string
		returns []returned
	}{
		{"exactly enough", 750 * time.Millisecond, []string{"a1", "a2", "a3"}, nil},
		{"one nanosecond short", 750*time.Millisecond + 1, []string{"a1", "a2"}, []returned{{"a3", 0}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{outcome: func(_ context.Context, id string) error {
					if id != "a3" {
						time.Sleep(c.each)
					}
					return nil
				}}
				// 2 s minus 300 ms of margin minus 200 ms for the last message.
				if _, err := w.batches().Handle(invocation(t, 2*time.Second), batch("a1", "a2", "a3")); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(w.handled, c.handled) || !slices.Equal(w.returns, c.returns) {
					t.Errorf("handled %v, returned %v, want %v and %v", w.handled, w.returns, c.handled, c.returns)
				}
				for range c.returns {
					lines := w.lines(t, "a3")
					if len(lines) != 1 || lines[0]["reason"] != "no_time_left" || lines[0]["outcome"] != "unstarted" {
						t.Errorf("log of a3: %v", lines)
					}
				}
			})
		})
	}
}

func TestEndedInvocationStartsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := &world{}
	response, err := w.batches().Handle(ctx, batch("a1", "b1"))
	if got := failures(response); err != nil || got != "a1 b1" || len(w.handled) != 0 {
		t.Errorf("returned %q, error %v, handled %v", got, err, w.handled)
	}
}

// A message that a slow handler completes after the budget is acknowledged, since its effect is there.
func TestLateButDoneIsAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{outcome: func(context.Context, string) error {
			time.Sleep(1700 * time.Millisecond)
			return nil
		}}
		response, err := w.batches().Handle(invocation(t, 2*time.Second), batch("a1", "a2"))
		if got := failures(response); err != nil || got != "a2" {
			t.Errorf("returned %q, error %v", got, err)
		}
	})
}

// Poison that is found at the very end of the budget is buried: the margin is for that.
func TestPoisonIsBuriedWithinTheMargin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{outcome: func(ctx context.Context, _ string) error {
			<-ctx.Done()
			return retry.Poison("p", nil)
		}}
		response, err := w.batches().Handle(invocation(t, 2*time.Second), batch("a1"))
		if err != nil || failures(response) != "" || !slices.Equal(w.buried, []string{"a1: p"}) {
			t.Errorf("returned %q, error %v, buried %v", failures(response), err, w.buried)
		}
	})
}
