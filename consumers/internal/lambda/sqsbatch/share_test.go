package sqsbatch_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"boxoffice/consumers/internal/lambda/sqsbatch"
)

type joinedKey struct{}

// ledger is a share that records how the groups of a batch use it.
type ledger struct {
	mu           sync.Mutex
	groups       []int
	joined, left int
	leftAt       []string // the messages that were returned before a group left
	w            *world
}

// share implements sqsbatch.Options.Share.
func (l *ledger) share(_ context.Context, groups int) func(context.Context) (context.Context, func()) {
	l.groups = append(l.groups, groups)
	return func(ctx context.Context) (context.Context, func()) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.joined++
		gone := false
		return context.WithValue(ctx, joinedKey{}, true), func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			if !gone {
				gone = true
				l.left++
				l.w.mu.Lock()
				defer l.w.mu.Unlock()
				for _, r := range l.w.returns {
					l.leftAt = append(l.leftAt, r.ids)
				}
			}
		}
	}
}

// Every group joins once and leaves, however it ends, and its handler works with the joined context.
func TestEveryGroupJoinsAndLeaves(t *testing.T) {
	for name, end := range map[string]func() error{
		"done":            func() error { return nil },
		"returned":        func() error { return errDown },
		"panic":           func() error { panic("boom") },
		"ended goroutine": func() error { goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			l := &ledger{}
			l.w = &world{outcome: func(ctx context.Context, id string) error {
				if ctx.Value(joinedKey{}) != true {
					t.Error("the context is not the joined one")
				}
				if id == "a1" {
					return end()
				}
				return nil
			}}
			l.w.options.Share = l.share
			_, err := l.w.batches().Handle(t.Context(), batch("a1", "b1", "a2", "c1"))
			if (name == "ended goroutine") != errors.Is(err, sqsbatch.ErrUnusable) {
				t.Fatal(err)
			}
			if !slices.Equal(l.groups, []int{3}) || l.joined != 3 || l.left != 3 {
				t.Errorf("called with %v groups, %d joined, %d left", l.groups, l.joined, l.left)
			}
		})
	}
}

// Other groups do not wait for a group that is only returning its messages.
func TestGroupLeavesBeforeItReturns(t *testing.T) {
	l := &ledger{}
	l.w = &world{outcome: func(context.Context, string) error { return errDown }}
	l.w.options.Share = l.share
	if _, err := l.w.batches().Handle(t.Context(), batch("a1")); err != nil || l.left != 1 || len(l.leftAt) != 0 {
		t.Errorf("%d left, after the return of %v, error %v", l.left, l.leftAt, err)
	}
}

// Other groups do not wait while the note of an attempt is deleted.
func TestGroupLeavesBeforeItsNoteIsDeleted(t *testing.T) {
	for name, outcome := range map[string]error{"done": nil, "returned": errDown} {
		l := &ledger{}
		w, n := noting(t, always(outcome), nil)
		l.w, w.options.Share = w, l.share
		leftAtEnd := -1
		n.endErr = func(string) error { leftAtEnd = l.left; return nil }
		if _, err := w.batches().Handle(t.Context(), withReceives(batch("a1"), 2)); err != nil || leftAtEnd != 1 {
			t.Errorf("%s: %d had left when the note was deleted, error %v", name, leftAtEnd, err)
		}
	}
}

func TestPanicOfShareMakesTheBatchUnusable(t *testing.T) {
	for name, share := range map[string]func(context.Context, int) func(context.Context) (context.Context, func()){
		"at the batch": func(context.Context, int) func(context.Context) (context.Context, func()) { panic("boom") },
		"at a group": func(context.Context, int) func(context.Context) (context.Context, func()) {
			return func(context.Context) (context.Context, func()) { panic("boom") }
		},
	} {
		w := &world{}
		w.options.Share = share
		if response, err := w.batches().Handle(t.Context(), batch("a1")); !errors.Is(err, sqsbatch.ErrUnusable) || response.BatchItemFailures != nil {
			t.Errorf("%s: response %v, error %v", name, response, err)
		}
	}
}
