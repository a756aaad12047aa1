package faults

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"
)

// machine is the machine that all stacks share. The tests mostly wait, so more of them than there are cores run at once.
// Two stacks under load and two beside them leave two cores the time that timeouts of half a second need.
var machine = room{free: 6}

// room lets stacks onto the machine while it has shares for them. The stack whose test lasts longest goes first, so that
// no long test is left to wait for alone at the end. It is safe for concurrent use.
type room struct {
	mu   sync.Mutex
	free int
	// expected are the tests that were announced and have no room yet, the longest first.
	expected []expected
	// changed is closed when shares came back or a test left the line.
	changed chan struct{}
}

// expected is a test that will want room.
type expected struct {
	test  string
	lasts time.Duration
}

// sideBySide lets a test run beside others, in place of t.Parallel. lasts is about how long the test takes on a quiet
// machine, with the wait for its orders' end; it decides only who goes first.
func sideBySide(t *testing.T, lasts time.Duration) {
	t.Helper()
	machine.expect(t.Name(), lasts)
	t.Cleanup(func() { machine.forget(t.Name()) })
	t.Parallel()
}

// expect announces a test. Tests announce themselves before any of them brings a stack up, since t.Parallel pauses them
// until all have; subtests do so when their parents go on.
func (r *room) expect(test string, lasts time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, _ := slices.BinarySearchFunc(r.expected, lasts, func(e expected, lasts time.Duration) int { return int(lasts - e.lasts) })
	r.expected = slices.Insert(r.expected, at, expected{test, lasts})
}

// forget takes a test out of the line that wants no room any more, so that nobody waits behind it.
func (r *room) forget(test string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expected = slices.DeleteFunc(r.expected, func(e expected) bool { return e.test == test })
	r.wake()
}

// wake has everybody who waits look again. The caller holds the lock.
func (r *room) wake() {
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// take waits for room: until the test is the longest that waits, and the machine has the shares.
func (r *room) take(ctx context.Context, test string, shares int) error {
	for {
		r.mu.Lock()
		at := slices.IndexFunc(r.expected, func(e expected) bool { return e.test == test })
		if at <= 0 && r.free >= shares {
			r.free -= shares
			if at == 0 {
				r.expected = r.expected[1:]
			}
			r.wake()
			r.mu.Unlock()
			return nil
		}
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		changed := r.changed
		r.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// giveBack returns shares.
func (r *room) giveBack(shares int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free += shares
	r.wake()
}

// share waits for what a stack takes of the machine, until it is given back, at the latest when the test ends.
func share(t *testing.T, busy bool) (giveBack func()) {
	t.Helper()
	shares := 1
	if busy {
		shares = 2
	}
	if err := machine.take(t.Context(), t.Name(), shares); err != nil {
		t.Fatal(err)
	}
	giveBack = sync.OnceFunc(func() { machine.giveBack(shares) })
	t.Cleanup(giveBack)
	return giveBack
}

// The longest of the tests that wait goes first, also while it has not come yet; one that wants no room any more holds up
// nobody.
func TestTheLongestTestGoesFirst(t *testing.T) {
	r := room{free: 2}
	for test, lasts := range map[string]time.Duration{"short": 1, "long": 30, "gone": 20, "middle": 10} {
		r.expect(test, lasts)
	}
	begun := make(chan string)
	take := func(test string, shares int) {
		go func() {
			if err := r.take(t.Context(), test, shares); err != nil {
				t.Error(err)
			}
			begun <- test
		}()
	}
	take("short", 1)
	take("middle", 1)
	take("long", 2)
	for i, want := range []string{"long", "middle", "short"} {
		if i == 1 {
			r.giveBack(2)
			r.forget("gone")
		}
		if got := <-begun; i < 1 && got != want {
			t.Fatalf("%s went first, want %s", got, want)
		}
	}
	if r.free != 0 || len(r.expected) != 0 {
		t.Errorf("%d shares are free and %v are expected", r.free, r.expected)
	}
}
