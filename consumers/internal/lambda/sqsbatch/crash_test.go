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

// crashing is a FIFO queue with its function, some messages of which kill the process that handles them: the handler
// never returns control, and nothing that the process was to do later happens.
type crashing struct {
	waiting  map[string][]string // group to its messages in order
	receives map[string]int
	kills    map[string]bool
	joins    map[string]bool
	troubles map[string]int // how often a dependency fails at a message before it works
	notes    memattempts.Notes
	// timed has messages stay out of sight as SQS has it, in a bubble; endFails is asked whether a note cannot be deleted.
	timed    bool
	endFails func() bool
	returned time.Duration

	dead    bool
	crashes int
	done    map[string]bool
	buried  map[string]string
}

// atWork ends the goroutine of a process that has died.
func (c *crashing) atWork() {
	if c.dead {
		goexit()
	}
}

func (c *crashing) live(id string) error {
	c.atWork()
	if c.kills[id] {
		c.dead = true
		c.crashes++
		goexit()
	}
	if c.troubles[id] > 0 {
		c.troubles[id]--
		return errDown
	}
	c.done[id] = true
	return nil
}

func (c *crashing) handle(_ context.Context, d message.Delivery) error {
	return c.live(d.MessageID)
}

func (c *crashing) handleRun(_ context.Context, run []message.Delivery) (outcomes []error) {
	for _, d := range run {
		outcomes = append(outcomes, c.live(d.MessageID))
	}
	return outcomes
}

func (c *crashing) bury(_ context.Context, d message.Delivery, reason string) error {
	c.atWork()
	c.buried[d.MessageID] = reason
	return nil
}

// ReturnAfter implements sqsbatch.Queue.
func (c *crashing) ReturnAfter(_ context.Context, _ []sqsbatch.Receipt, d time.Duration) error {
	c.atWork()
	c.returned = max(c.returned, d)
	return nil
}

// Begin implements sqsbatch.Attempts.
func (c *crashing) Begin(ctx context.Context, id string, at time.Time) ([]time.Time, error) {
	c.atWork()
	return c.notes.Begin(ctx, id, at)
}

// End implements sqsbatch.Attempts.
func (c *crashing) End(ctx context.Context, id string) error {
	c.atWork()
	if c.endFails != nil && c.endFails() {
		return errDown
	}
	return c.notes.End(ctx, id)
}

// function is how long an invocation may take, and visibilityFactor times that a message stays out of sight.
const (
	function         = 5 * time.Second
	visibilityFactor = 6
)

// receive takes up to n messages of each group, handles them in a new process and deletes what was acknowledged.
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
		// One group after another, each to its end, so that a crash meets no other group half way.
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
				return fmt.Errorf("%s was deleted and %s in front of it was not", r.MessageId, c.waiting[group][0])
			}
			c.waiting[group] = c.waiting[group][1:]
		}
	}
	return nil
}

func (c *crashing) empty() bool {
	for _, ids := range c.waiting {
		if len(ids) > 0 {
			return false
		}
	}
	return true
}

// What one message that always kills its function may cost, wherever it stands in its group. As a rule a group comes
// back as it was: a receive without notes, one that notes the head, two that note the message itself. If it comes back
// in smaller parts than it died in, each message before it may cost one more, which is acknowledged then. Each failure of
// a dependency may cost one more, too: a head that it returns came back, and clears its group.
const (
	mostCrashes        = 4
	mostCrashesInParts = mostCrashes + 9
)

// Whatever kills its function each time is buried after a few crashes, wherever it stands; nothing else is buried, and
// no note is left behind.
func TestMessagesThatKillTheirFunction(t *testing.T) {
	var seen struct{ queues, crashes, buried int }
	rapid.Check(t, func(t *rapid.T) {
		c := &crashing{
			waiting: map[string][]string{}, receives: map[string]int{}, kills: map[string]bool{}, joins: map[string]bool{},
			troubles: map[string]int{}, done: map[string]bool{}, buried: map[string]string{},
		}
		killers, troubles := 0, 0
		for _, group := range []string{"a", "b", "c"} {
			for i := range rapid.IntRange(0, 12).Draw(t, "messages") {
				id := fmt.Sprint(group, i)
				c.waiting[group] = append(c.waiting[group], id)
				c.kills[id] = rapid.IntRange(0, 9).Draw(t, "kills") == 0
				c.joins[id] = rapid.IntRange(0, 3).Draw(t, "joins") > 0
				c.troubles[id] = max(0, rapid.IntRange(-6, 3).Draw(t, "troubles"))
				troubles += c.troubles[id]
				if c.kills[id] {
					killers++
				}
			}
		}
		most, size := mostCrashes, rapid.IntRange(1, 10).Draw(t, "size")
		inParts := rapid.Bool().Draw(t, "inParts")
		if inParts {
			most = mostCrashesInParts
		}
		all := map[string][]string{}
		maps.Copy(all, c.waiting)
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
		for _, ids := range all {
			for _, id := range ids {
				if c.kills[id] != (c.buried[id] == retry.ReasonAttempts) || c.kills[id] == c.done[id] {
					t.Errorf("%s kills: %t; done: %t; buried as %q", id, c.kills[id], c.done[id], c.buried[id])
				}
			}
		}
		if c.crashes > most*killers+troubles {
			t.Errorf("%d crashes for %d messages that kill and %d troubles", c.crashes, killers, troubles)
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

// Three crashes of the head, whose first receive leaves no note, and it is out of the way.
func TestHeadThatKillsIsBuriedAfterThreeCrashes(t *testing.T) {
	c := &crashing{
		waiting: map[string][]string{"a": {"a1", "a2", "a3"}}, receives: map[string]int{}, kills: map[string]bool{"a1": true},
		joins: map[string]bool{"a1": true, "a2": true, "a3": true}, done: map[string]bool{}, buried: map[string]string{},
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

// The same while the store of notes fails in part, so that notes of attempts which came back stay, and dependencies fail again
// and again: what kills is buried all the same, and where nothing kills nothing is buried. (A message that comes back with
// one that kills, its note not deleted, is beside the guilty, as any that is under way in a crash.)
func TestNotesThatStayMakeNobodyPoison(outer *testing.T) {
	var seen struct{ stayed, buried, crashes int }
	rapid.Check(outer, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		c := &crashing{
			waiting: map[string][]string{}, receives: map[string]int{}, kills: map[string]bool{}, joins: map[string]bool{},
			troubles: map[string]int{}, done: map[string]bool{}, buried: map[string]string{}, timed: true,
		}
		c.endFails = func() bool {
			stays := random.IntN(4) > 0
			if stays {
				seen.stayed++
			}
			return stays
		}
		killers, troubles, killing := 0, 0, rapid.Bool().Draw(t, "killing")
		for i := range 6 {
			id := fmt.Sprint("a", i)
			c.waiting["a"] = append(c.waiting["a"], id)
			c.joins[id] = rapid.Bool().Draw(t, "joins")
			if c.kills[id] = killing && rapid.IntRange(0, 5).Draw(t, "kills") == 0; c.kills[id] {
				killers++
			}
			c.troubles[id] = rapid.IntRange(0, 12).Draw(t, "troubles")
			troubles += c.troubles[id]
		}
		all := slices.Clone(c.waiting["a"])
		synctest.Test(outer, func(*testing.T) {
			for receives := 0; !c.empty() && receives < 300; receives++ {
				if err := c.receive(10); err != nil {
					t.Error(err)
				}
			}
		})
		for _, id := range all {
			buried := c.buried[id] == retry.ReasonAttempts
			if c.kills[id] && !buried || killers == 0 && buried || !buried && !c.done[id] {
				t.Errorf("%s kills: %t; done: %t; buried as %q", id, c.kills[id], c.done[id], c.buried[id])
			}
		}
		if c.crashes > mostCrashes*killers+troubles {
			t.Errorf("%d crashes for %d messages that kill and %d troubles", c.crashes, killers, troubles)
		}
		seen.buried, seen.crashes = seen.buried+len(c.buried), seen.crashes+c.crashes
	})
	if seen.stayed < 100 || seen.buried < 20 {
		outer.Errorf("too little was seen: %+v", seen)
	}
	outer.Logf("%+v", seen)
}
