package sqsbatch_test

import (
	"context"
	"errors"
	"flag"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"pgregory.net/rapid"

	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
)

// minBatches is the minimum number of random batches, even if -rapid.checks is less.
const minBatches = 10_000

// acknowledged reports whether a message may be deleted: it is done, refused or buried.
func (p *play) acknowledged(id string) bool {
	m := p.lives[id]
	if m == nil || m.cutOff || m.panicked {
		return false
	}
	switch p.plans[id].outcome {
	case "done", "refused":
		return true
	default:
		return m.buried != ""
	}
}

// check checks what was observed against the rules.
func (p *play) check(response events.SQSEventResponse) {
	if response.BatchItemFailures == nil {
		p.faultf("the list is nil")
	}
	var listed []string
	for _, f := range response.BatchItemFailures {
		listed = append(listed, f.ItemIdentifier)
	}
	var want []string
	for group, ids := range p.members {
		want = append(want, p.checkGroup(group, ids)...)
	}
	var inOrder []string
	for _, r := range p.event.Records {
		if slices.Contains(want, r.MessageId) {
			inOrder = append(inOrder, r.MessageId)
		}
	}
	if !slices.Equal(listed, inOrder) {
		p.faultf("returned %v, want %v", listed, inOrder)
	}
}

// checkGroup checks a group, and returns its messages that must be returned: from the first one that may not be deleted on.
func (p *play) checkGroup(group string, ids []string) []string {
	p.checkNotes(ids)
	first := slices.IndexFunc(ids, func(id string) bool { return !p.acknowledged(id) })
	if first < 0 {
		first = len(ids)
	}
	for i := 1; i < len(ids); i++ {
		before, after := p.lives[ids[i-1]], p.lives[ids[i]]
		if after != nil && (before == nil || after.started < before.ended) {
			p.faultf("%s began before %s had ended", ids[i], ids[i-1])
		}
		if i > first && after != nil && (p.lives[ids[first]] == nil || after.call != p.lives[ids[first]].call) {
			p.faultf("%s was started after %s, which is returned", ids[i], ids[first])
		}
		if i > first && after != nil && after.buried != "" {
			p.faultf("%s was buried after %s, which is returned", ids[i], ids[first])
		}
	}
	p.checkCalls(ids)
	if first == len(ids) {
		if r, some := p.returns[group]; some {
			p.faultf("group %q is all done and %v was returned", group, r)
		}
		return nil
	}
	p.checkVisibility(group, ids, first)
	return ids[first:]
}

// mustNote reports whether an attempt at the i-th message of a group must be noted.
func (p *play) mustNote(ids []string, i int) bool {
	head := p.attempts && p.receives[ids[0]] >= 2
	return head && (i == 0 || p.plans[ids[0]].earlier > 0)
}

// checkCalls checks the calls of handlers against the rules of runs: messages that join are handled in runs of maximum length,
// and messages with notes alone.
func (p *play) checkCalls(ids []string) {
	for _, c := range p.calls {
		at := slices.Index(ids, c.ids[0])
		if at < 0 {
			continue
		}
		end := at + len(c.ids)
		if !slices.Equal(ids[at:end], c.ids) {
			p.faultf("run %v is not consecutive in %v", c.ids, ids)
		}
		if c.run != (p.runs && p.plans[c.ids[0]].joins) {
			p.faultf("%v was handled in a run: %t", c.ids, c.run)
		}
		for i := at; i < end && len(c.ids) > 1; i++ {
			if !p.plans[ids[i]].joins || p.mustNote(ids, i) {
				p.faultf("%s is in the run %v", ids[i], c.ids)
			}
		}
		if c.run && end < len(ids) && p.plans[ids[end]].joins && !p.mustNote(ids, at) {
			p.faultf("run %v ends before %s", c.ids, ids[end])
		}
	}
}

// checkNotes checks a group against the rules of notes.
func (p *play) checkNotes(ids []string) {
	for i, id := range ids {
		plan, m, mustNote := p.plans[id], p.lives[id], p.mustNote(ids, i)
		if p.noted[id] && !mustNote {
			p.faultf("an attempt at %s was noted", id)
		}
		if m != nil && m.call >= 0 && mustNote && (!p.noted[id] || plan.beginFail != "" || plan.earlier >= 2) {
			p.faultf("%s was handled with its attempt noted: %t %q, %d earlier ones", id, p.noted[id], plan.beginFail, plan.earlier)
		}
		if m != nil && (m.buried == retry.ReasonAttempts) != (mustNote && plan.earlier >= 2) {
			p.faultf("%s with %d earlier attempts was buried as %q", id, plan.earlier, m.buried)
		}
		if left, want := p.begun[id], p.notesLeft(id); left != want {
			p.faultf("%s has %d notes left, want %d", id, left, want)
		}
	}
}

// notesLeft returns how many notes of a message must be left.
func (p *play) notesLeft(id string) int {
	plan := p.plans[id]
	switch {
	case !p.noted[id]:
		return plan.earlier
	case plan.endFail != "":
		return p.begun[id] // the notes could not be deleted
	case plan.earlier >= 2 && plan.beginFail == "" && plan.buryFail != "" && p.lives[id] == nil:
		return plan.earlier + 1 // poison that could not be buried is poison again at the next receive
	default:
		return 0
	}
}

// checkVisibility checks the messages that were returned from a group, the first-th one and all later ones, and their delay.
func (p *play) checkVisibility(group string, ids []string, first int) {
	head, got := ids[first], p.returns[group]
	if got.ids != strings.Join(ids[first:], " ") {
		p.faultf("visibility of %q was changed, want that of %v", got.ids, ids[first:])
	}
	plan, m := p.plans[head], p.lives[head]
	call, called := p.callOf(head)
	switch {
	case m == nil && called && call.ids[0] != head:
		if got.after != 0 && !p.panicked(ids, head) {
			p.faultf("%s was not reached by its run and waits %s", head, got.after)
		}
	case m == nil && !called && !p.noted[head]:
		p.checkUnstarted(ids, first, got.after)
	case m != nil && plan.outcome == "after" && !m.cutOff && !m.panicked:
		if got.after != plan.after {
			p.faultf("%s asked for %s and waits %s", head, plan.after, got.after)
		}
	default:
		p.checkBackoff(head, got.after)
	}
}

// checkBackoff checks a delay that the backoff has drawn.
func (p *play) checkBackoff(id string, after time.Duration) {
	if after < 0 || after > retry.MaxVisibility || after%time.Second != 0 {
		p.faultf("%s waits %s", id, after)
	}
}

// checkUnstarted checks a returned head that was not started: it waits for nothing, and there was not enough time to start it.
func (p *play) checkUnstarted(ids []string, first int, after time.Duration) {
	if after != 0 {
		p.faultf("%s was not started and waits %s", ids[first], after)
	}
	var free time.Duration
	if first > 0 {
		free = p.lives[ids[first-1]].ended
	}
	if p.limit == 0 || p.limit-p.margin-free >= p.least {
		p.faultf("%s was not started though there was time at %s", ids[first], free)
	}
}

// callOf returns the call of a handler with a message.
func (p *play) callOf(id string) (c call, found bool) {
	i := slices.IndexFunc(p.calls, func(c call) bool { return slices.Contains(c.ids, id) })
	if i < 0 {
		return call{}, false
	}
	return p.calls[i], true
}

// panicked reports whether the run of a message panicked.
func (p *play) panicked(ids []string, id string) bool {
	_, called := p.callOf(id)
	return called && slices.ContainsFunc(ids, func(other string) bool { return p.lives[other] != nil && p.lives[other].panicked })
}

// coverage counts the cases that random batches have reached.
type coverage struct{ batches, returned, unstarted, cutOff, buried, panicked, attempts, oneByOne, repeated, inRuns int }

// add counts the cases of one batch.
func (seen *coverage) add(p *play, response events.SQSEventResponse) {
	seen.batches++
	seen.returned += len(response.BatchItemFailures)
	for id := range p.plans {
		m := p.lives[id]
		switch {
		case m == nil:
			seen.unstarted++
		case m.cutOff:
			seen.cutOff++
		case m.panicked:
			seen.panicked++
		case m.buried == retry.ReasonAttempts:
			seen.attempts++
		case m.buried != "":
			seen.buried++
		}
		if m != nil && p.acknowledged(id) && slices.Contains(listed(response), id) {
			seen.repeated++
		}
		if ids := p.members[strings.TrimRight(id, "0123456789")]; m != nil && id != ids[0] && p.mustNote(ids, 1) {
			seen.oneByOne++
		}
	}
	for _, c := range p.calls {
		if len(c.ids) > 1 {
			seen.inRuns += len(c.ids)
		}
	}
}

// rarest returns the count of the rarest case.
func (seen *coverage) rarest() int {
	return min(seen.returned, seen.unstarted, seen.cutOff, seen.buried, seen.panicked, seen.attempts, seen.oneByOne, seen.repeated, seen.inRuns)
}

// atLeastBatches raises -rapid.checks to minBatches for the test.
func atLeastBatches(t *testing.T) {
	t.Helper()
	checks := flag.Lookup("rapid.checks")
	before := checks.Value.String()
	if n, err := strconv.Atoi(before); err == nil && n >= minBatches {
		return
	}
	if err := checks.Value.Set(strconv.Itoa(minBatches)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = checks.Value.Set(before) })
}

// Random batches with random groups, outcomes, panics, slow handlers that end with their context or do not, short invocations and
// failing ports, with and without runs and notes of attempts.
func TestRandomBatches(t *testing.T) {
	atLeastBatches(t)
	var seen coverage
	rapid.Check(t, func(rt *rapid.T) {
		p := draw(rt)
		seed := rapid.Uint64().Draw(rt, "jitter")
		var response events.SQSEventResponse
		var err error
		synctest.Test(t, func(*testing.T) { response, err = p.run(seed) })
		if err != nil {
			rt.Fatalf("error %v", err)
		}
		p.check(response)
		if len(p.faults) > 0 {
			rt.Fatal(strings.Join(p.faults, "\n"))
		}
		seen.add(p, response)
	})
	// A generator that rarely reaches the interesting cases would prove nothing.
	if seen.batches < minBatches || seen.rarest() < minBatches/50 {
		t.Errorf("too little was seen: %+v", seen)
	}
	t.Logf("%+v", seen)
}

// listed returns the ids in a response.
func listed(r events.SQSEventResponse) []string { return strings.Fields(failures(r)) }

// Every panic outside of the handler redelivers the whole batch, whatever group it is in.
func TestRandomBatchesWithAPanicOutsideTheHandler(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := draw(t)
		if len(p.event.Records) == 0 {
			return
		}
		calls, at := 0, rapid.IntRange(1, 2*len(p.event.Records)).Draw(t, "at")
		var mu sync.Mutex
		// Only sqsbatch reads this clock, so its panic happens in sqsbatch itself.
		clock := func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			if calls++; calls == at {
				panic("boom")
			}
			return time.Now()
		}
		done := func(context.Context, message.Delivery) error { return nil }
		response, err := sqsbatch.New(done, p, p.bury, sqsbatch.Options{Now: clock}).Handle(context.Background(), p.event)
		if !errors.Is(err, sqsbatch.ErrUnusable) || response.BatchItemFailures != nil {
			t.Fatalf("response %v, error %v", response, err)
		}
	})
}
