package sqsbatch_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"pgregory.net/rapid"

	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/memory/memattempts"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
)

// crashing is a FIFO queue with its function. Some messages kill the process that handles them: control never returns from the
// handler, and the process does nothing more.
type crashing struct {
	waiting  map[string][]string // group to its messages in order
	receives map[string]int
	kills    map[string]bool
	joins    map[string]bool
	failures map[string]int // how often a dependency fails for a message before it works
	notes    memattempts.Notes
	// timed makes returned and crashed messages invisible for as long as SQS does, in a synctest bubble. endFails decides whether
	// a delete of notes fails.
	timed    bool
	endFails func() bool
	returned time.Duration

	dead    bool
	crashes int
	done    map[string]bool
	buried  map[string]string
}

// newCrashing returns an empty queue.
func newCrashing() *crashing {
	return &crashing{
		waiting: map[string][]string{}, receives: map[string]int{}, kills: map[string]bool{}, joins: map[string]bool{},
		failures: map[string]int{}, done: map[string]bool{}, buried: map[string]string{},
	}
}

// add adds a message to the end of its group, and reports whether it kills its function.
func (c *crashing) add(group, id string, kills, joins bool, failures int) bool {
	c.waiting[group] = append(c.waiting[group], id)
	c.kills[id], c.joins[id], c.failures[id] = kills, joins, failures
	return kills
}

// exitIfDead ends the goroutine of a process that has died.
func (c *crashing) exitIfDead() {
	if c.dead {
		goexit()
	}
}

// work is the work of the handler on one message.
func (c *crashing) work(id string) error {
	c.exitIfDead()
	if c.kills[id] {
		c.dead = true
		c.crashes++
		goexit()
	}
	if c.failures[id] > 0 {
		c.failures[id]--
		return errDown
	}
	c.done[id] = true
	return nil
}

func (c *crashing) handle(_ context.Context, d message.Delivery) error {
	return c.work(d.MessageID)
}

func (c *crashing) handleRun(_ context.Context, run []message.Delivery) (outcomes []error) {
	for _, d := range run {
		outcomes = append(outcomes, c.work(d.MessageID))
	}
	return outcomes
}

func (c *crashing) bury(_ context.Context, d message.Delivery, reason string) error {
	c.exitIfDead()
	c.buried[d.MessageID] = reason
	return nil
}

// ReturnAfter implements sqsbatch.Queue.
func (c *crashing) ReturnAfter(_ context.Context, _ []sqsbatch.Receipt, d time.Duration) error {
	c.exitIfDead()
	c.returned = max(c.returned, d)
	return nil
}

// Begin implements sqsbatch.Attempts.
func (c *crashing) Begin(ctx context.Context, id string, at time.Time) ([]time.Time, error) {
	c.exitIfDead()
	return c.notes.Begin(ctx, id, at)
}

// End implements sqsbatch.Attempts.
func (c *crashing) End(ctx context.Context, id string) error {
	c.exitIfDead()
	if c.endFails != nil && c.endFails() {
		return errDown
	}
	return c.notes.End(ctx, id)
}

// function is the timeout of an invocation. The visibility timeout is visibilityFactor times as long.
const (
	function         = 5 * time.Second
	visibilityFactor = 6
)

// receive receives up to n messages of each group, handles them in a new process and deletes the acknowledged ones.
func (c *crashing) receive(n int) error {
	var event events.SQSEvent
	for _, group := range slices.Sorted(maps.Keys(c.waiting)) {
		for _, id := range c.waiting[group][:min(n, len(c.waiting[group]))] {
			c.receives[id]++
			r := record(id)
			r.Attributes["ApproximateReceiveCount"] = fmt.Sprint(c.receives[id])
			event.Records = append(event.Records, r)
		}
	}
	c.dead, c.returned = false, 0
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	if c.timed {
		ctx, cancel = context.WithTimeout(ctx, function)
		defer func() {
			if c.dead {
				time.Sleep(visibilityFactor * function)
			} else {
				time.Sleep(c.returned)
			}
		}()
	}
	defer cancel()
	response, err := sqsbatch.New(c.handle, c, c.bury, sqsbatch.Options{
		Runs:       &sqsbatch.Runs{Joins: func(d message.Delivery) bool { return c.joins[d.MessageID] }, Handle: c.handleRun},
		Attempts:   c,
		Visibility: func(context.Context) (time.Duration, error) { return visibilityFactor * function, nil },
		// One group after another, each to its end, so that a crash interrupts no other group.
		Go: func(f func()) {
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				f()
			}()
			<-ended
		},
	}).Handle(ctx, event)
	if c.dead != errors.Is(err, sqsbatch.ErrUnusable) {
		return fmt.Errorf("died %t, error %w", c.dead, err)
	}
	if c.dead {
		return nil
	}
	for _, r := range event.Records {
		if !slices.Contains(listed(response), r.MessageId) {
			group := r.Attributes["MessageGroupId"]
			if c.waiting[group][0] != r.MessageId {
				return fmt.Errorf("%s was deleted and %s before it was not", r.MessageId, c.waiting[group][0])
			}
			c.waiting[group] = c.waiting[group][1:]
		}
	}
	return nil
}

// empty reports whether all messages are deleted.
func (c *crashing) empty() bool {
	for _, ids := range c.waiting {
		if len(ids) > 0 {
			return false
		}
	}
	return true
}

// misjudged returns the messages with a wrong end. A message that kills its function must be buried. Any other must be done, or
// may be buried instead if mayBury is set.
func (c *crashing) misjudged(mayBury bool) (wrong []string) {
	for id, kills := range c.kills {
		buried, done := c.buried[id] == retry.ReasonAttempts, c.done[id]
		right := buried && !done
		if !kills {
			right = done && !buried || mayBury && buried
		}
		if !right {
			wrong = append(wrong, fmt.Sprintf("%s kills: %t; done: %t; buried as %q", id, kills, done, c.buried[id]))
		}
	}
	return wrong
}

// The maximum number of crashes that one message costs if it always kills its function, at any position in its group. If the
// group is redelivered unchanged, these are a receive without notes, one that notes the head, and two that note the message
// itself. If the group is redelivered in smaller parts, each message before it may cost one more crash, after which it is
// acknowledged. Each failure of a dependency may cost one more crash too: the attempt of a head that is returned has ended, so
// its notes are deleted.
const (
	maxCrashes        = 4
	maxCrashesInParts = maxCrashes + 9
)

// Each message that always kills its function is buried after a few crashes, at any position. No other message is buried, and no
// note is left.
func TestMessagesThatKillTheirFunctionAreBuried(t *testing.T) {
	var seen struct{ queues, crashes, buried int }
	rapid.Check(t, func(t *rapid.T) {
		c := newCrashing()
		killers, failed := 0, 0
		for _, group := range []string{"a", "b", "c"} {
			for i := range rapid.IntRange(0, 12).Draw(t, "messages") {
				kills := rapid.IntRange(0, 9).Draw(t, "kills") == 0
				joins := rapid.IntRange(0, 3).Draw(t, "joins") > 0
				failures := max(0, rapid.IntRange(-6, 3).Draw(t, "failures"))
				failed += failures
				if c.add(group, fmt.Sprint(group, i), kills, joins, failures) {
					killers++
				}
			}
		}
		most, size := maxCrashes, rapid.IntRange(1, 10).Draw(t, "size")
		inParts := rapid.Bool().Draw(t, "inParts")
		if inParts {
			most = maxCrashesInParts
		}
		for receives := 0; !c.empty(); receives++ {
			if receives > 300 {
				t.Fatalf("after %d receives and %d crashes %v are still there, notes %v", receives, c.crashes, c.waiting, c.notes.Open())
			}
			if inParts {
				size = rapid.IntRange(1, 10).Draw(t, "part")
			}
			if err := c.receive(size); err != nil {
				t.Fatal(err)
			}
		}
		for _, wrong := range c.misjudged(false) {
			t.Error(wrong)
		}
		if c.crashes > most*killers+failed {
			t.Errorf("%d crashes for %d messages that kill and %d failures", c.crashes, killers, failed)
		}
		if open := c.notes.Open(); len(open) > 0 {
			t.Errorf("notes left: %v", open)
		}
		seen.queues++
		seen.crashes += c.crashes
		seen.buried += len(c.buried)
	})
	if seen.buried < seen.queues/2 || seen.crashes < seen.buried {
		t.Errorf("too little was seen: %+v", seen)
	}
	t.Logf("%+v", seen)
}

// A head that kills its function is buried after three crashes, since its first receive leaves no note.
func TestHeadThatKillsIsBuriedAfterThreeCrashes(t *testing.T) {
	c := newCrashing()
	for _, id := range []string{"a1", "a2", "a3"} {
		c.add("a", id, id == "a1", true, 0)
	}
	for range 4 {
		if err := c.receive(10); err != nil {
			t.Fatal(err)
		}
	}
	if c.crashes != 3 || c.buried["a1"] != retry.ReasonAttempts || !c.done["a2"] || !c.done["a3"] || !c.empty() {
		t.Errorf("%d crashes, buried %v, done %v, waiting %s", c.crashes, c.buried, c.done, strings.Join(c.waiting["a"], " "))
	}
}

// The same while most deletes of notes fail, so that notes of ended attempts stay, and dependencies fail repeatedly: messages
// that kill are buried, and if no message kills, none is buried. (A message that is redelivered together with one that kills, and
// whose note could not be deleted, may be buried too, like any message that is being handled in a crash.)
func TestNotesThatStayMakeNoPoison(outer *testing.T) {
	var seen struct{ stayed, buried, crashes int }
	rapid.Check(outer, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		c := newCrashing()
		c.timed = true
		c.endFails = func() bool {
			stays := random.IntN(4) > 0
			if stays {
				seen.stayed++
			}
			return stays
		}
		killers, failed, killing := 0, 0, rapid.Bool().Draw(t, "killing")
		for i := range 6 {
			joins := rapid.Bool().Draw(t, "joins")
			kills := killing && rapid.IntRange(0, 5).Draw(t, "kills") == 0
			failures := rapid.IntRange(0, 12).Draw(t, "failures")
			failed += failures
			if c.add("a", fmt.Sprint("a", i), kills, joins, failures) {
				killers++
			}
		}
		synctest.Test(outer, func(*testing.T) {
			for receives := 0; !c.empty() && receives < 300; receives++ {
				if err := c.receive(10); err != nil {
					t.Error(err)
				}
			}
		})
		for _, wrong := range c.misjudged(killers > 0) {
			t.Error(wrong)
		}
		if c.crashes > maxCrashes*killers+failed {
			t.Errorf("%d crashes for %d messages that kill and %d failures", c.crashes, killers, failed)
		}
		seen.buried, seen.crashes = seen.buried+len(c.buried), seen.crashes+c.crashes
	})
	if seen.stayed < 100 || seen.buried < 20 {
		outer.Errorf("too little was seen: %+v", seen)
	}
	outer.Logf("%+v", seen)
}
