package faults

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"
)

// machine is the machine that all stacks share. The tests mostly wait, so more of them run at once than there are cores. Two
// stacks under load and two others leave two cores enough time for timeouts of half a second.
var machine = room{free: 6}

// room admits stacks to the machine while it has shares for them. The stack of the longest test goes first, so that no long test
// runs alone at the end. It is safe for concurrent use.
type room struct {
	mu   sync.Mutex
	free int
	// expected are the announced tests that have no shares yet, the longest first.
	expected []expected
	// changed is closed when shares are returned or a test leaves the line.
	changed chan struct{}
}

// expected is a test that will need shares.
type expected struct {
	test     string
	duration time.Duration
}

// runInParallel lets a test run beside others, in place of t.Parallel. duration is about how long the test takes on an idle
// machine, including the wait for the end of its orders; it only decides which test goes first.
func runInParallel(t *testing.T, duration time.Duration) {
	t.Helper()
	machine.expect(t.Name(), duration)
	t.Cleanup(func() { machine.forget(t.Name()) })
	t.Parallel()
}

// expect announces a test. All tests announce themselves before any of them starts a stack, because t.Parallel pauses them until
// all have; subtests do so when their parents continue.
func (r *room) expect(test string, duration time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, _ := slices.BinarySearchFunc(r.expected, duration, func(e expected, duration time.Duration) int { return int(duration - e.duration) })
	r.expected = slices.Insert(r.expected, at, expected{test, duration})
}

// forget removes a test that needs no shares any more, so that no other test waits behind it.
func (r *room) forget(test string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expected = slices.DeleteFunc(r.expected, func(e expected) bool { return e.test == test })
	r.wake()
}

// wake makes all waiting tests check again. r.mu must be held.
func (r *room) wake() {
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// take waits until the test is the longest one that waits, and the machine has the shares; then it takes them.
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

// takeShares waits for the shares of a stack. They are returned by giveBack, at the latest when the test ends.
func takeShares(t *testing.T, busy bool) (giveBack func()) {
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

// The longest waiting test goes first, even if it has not asked for shares yet; a test that needs none any more blocks no other.
func TestLongestTestGoesFirst(t *testing.T) {
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
		t.Errorf("%d shares are free, still expected: %v", r.free, r.expected)
	}
}
