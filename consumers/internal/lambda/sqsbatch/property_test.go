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

// leastBatches is how many random batches the property is held to at least, whatever -rapid.checks says.
const leastBatches = 10_000

// acknowledged says whether a message may be deleted: its effect is there, refused, or it is buried.
func (p *play) acknowledged(id string) bool {
	one := p.lives[id]
	if one == nil || one.cutOff || one.lost {
		return false
	}
	switch p.plans[id].ending {
	case "done", "refused":
		return true
	default:
		return one.buried != ""
	}
}

// check holds what was seen to the rules.
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

// checkGroup gives the suffix of a group that must be returned: from the first message that may not be deleted.
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
		if i > first && after != nil && (p.lives[ids[first]] == nil || after.run != p.lives[ids[first]].run) {
			p.faultf("%s was started behind %s, which comes back", ids[i], ids[first])
		}
		if i > first && after != nil && after.buried != "" {
			p.faultf("%s was buried behind %s, which comes back", ids[i], ids[first])
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

// noted says whether an attempt at the i-th message of a group must be noted.
func (p *play) noted(ids []string, i int) bool {
	head := p.attempts && p.receives[ids[0]] >= 2
	return head && (i == 0 || p.plans[ids[0]].earlier > 0)
}

// checkCalls holds the calls of handlers to the rules of runs: joined messages come in runs as long as they can be, and
// noted ones alone.
func (p *play) checkCalls(ids []string) {
	for _, c := range p.calls {
		at := slices.Index(ids, c.ids[0])
		if at < 0 {
			continue
		}
		end := at + len(c.ids)
		if !slices.Equal(ids[at:end], c.ids) {
			p.faultf("run %v of %v is no stretch of it", c.ids, ids)
		}
		if c.run != (p.runs && p.plans[c.ids[0]].joins) {
			p.faultf("%v was handled in a run: %t", c.ids, c.run)
		}
		for i := at; i < end && len(c.ids) > 1; i++ {
			if !p.plans[ids[i]].joins || p.noted(ids, i) {
				p.faultf("%s is in the run %v", ids[i], c.ids)
			}
		}
		if c.run && end < len(ids) && p.plans[ids[end]].joins && !p.noted(ids, at) {
			p.faultf("run %v ends before %s", c.ids, ids[end])
		}
	}
}

// checkNotes holds a group to the rules of attempts.
func (p *play) checkNotes(ids []string) {
	for i, id := range ids {
		plan, noted := p.plans[id], p.noted(ids, i)
		if p.asked[id] && !noted {
			p.faultf("an attempt at %s was noted", id)
		}
		handled := p.lives[id] != nil && p.lives[id].run >= 0
		if handled && noted && (!p.asked[id] || plan.beginFail != "" || plan.earlier >= 2) {
			p.faultf("%s was handled with its attempt noted: %t %q, %d earlier ones", id, p.asked[id], plan.beginFail, plan.earlier)
		}
		if one := p.lives[id]; one != nil && (one.buried == retry.ReasonAttempts) != (noted && plan.earlier >= 2) {
			p.faultf("%s with %d earlier attempts was buried as %q", id, plan.earlier, one.buried)
		}
		left, want := p.begun[id], 0
		switch {
		case !p.asked[id]:
			want = plan.earlier
		case plan.endFail != "":
			want = left // whatever was there, it is there still
		case plan.earlier >= 2 && plan.beginFail == "" && plan.buryFail != "" && p.lives[id] == nil:
			want = plan.earlier + 1 // poison that could not be buried is known again
		}
		if left != want {
			p.faultf("%s has %d notes left, want %d", id, left, want)
		}
	}
}

func (p *play) checkVisibility(group string, ids []string, first int) {
	head, got := ids[first], p.returns[group]
	if got.ids != strings.Join(ids[first:], " ") {
		p.faultf("visibility of %q was changed, want that of %v", got.ids, ids[first:])
	}
	plan, one := p.plans[head], p.lives[head]
	inRun := slices.ContainsFunc(p.calls, func(c call) bool { return slices.Contains(c.ids, head) })
	switch {
	case one == nil && inRun && p.calls[slices.IndexFunc(p.calls, func(c call) bool { return slices.Contains(c.ids, head) })].ids[0] != head:
		if got.after != 0 && !p.panicked(ids, head) {
			p.faultf("%s was not reached by its run and waits %s", head, got.after)
		}
	case one == nil && !inRun && !p.asked[head]:
		if got.after != 0 {
			p.faultf("%s was not started and waits %s", head, got.after)
		}
		var free time.Duration
		if first > 0 {
			free = p.lives[ids[first-1]].ended
		}
		if p.limit == 0 || p.limit-p.margin-free >= p.least {
			p.faultf("%s was not started though there was time at %s", head, free)
		}
	case one != nil && plan.ending == "after" && !one.cutOff && !one.lost:
		if got.after != plan.after {
			p.faultf("%s asked for %s and waits %s", head, plan.after, got.after)
		}
	default:
		if got.after < 0 || got.after > retry.MaxVisibility || got.after%time.Second != 0 {
			p.faultf("%s waits %s", head, got.after)
		}
	}
}

// panicked says whether the run of a message did.
func (p *play) panicked(ids []string, id string) bool {
	for _, c := range p.calls {
		if slices.Contains(c.ids, id) {
			return slices.ContainsFunc(ids, func(other string) bool { return p.lives[other] != nil && p.lives[other].lost })
		}
	}
	return false
}

// Random batches of random groups, endings, panics, slow and deaf handlers, short invocations, failing
// ports, with and without runs and notes of attempts.
func TestRandomBatches(t *testing.T) {
	checks := flag.Lookup("rapid.checks")
	if n, err := strconv.Atoi(checks.Value.String()); err != nil || n < leastBatches {
		before := checks.Value.String()
		if err := checks.Value.Set(strconv.Itoa(leastBatches)); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = checks.Value.Set(before) }()
	}
	var seen struct{ batches, returned, unstarted, cutOff, buried, lost, attempts, careful, repeated, inRuns int }
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
		seen.batches++
		seen.returned += len(response.BatchItemFailures)
		for id := range p.plans {
			one := p.lives[id]
			switch {
			case one == nil:
				seen.unstarted++
			case one.cutOff:
				seen.cutOff++
			case one.lost:
				seen.lost++
			case one.buried == retry.ReasonAttempts:
				seen.attempts++
			case one.buried != "":
				seen.buried++
			}
			if one != nil && p.acknowledged(id) && slices.Contains(listed(response), id) {
				seen.repeated++
			}
			if ids := p.members[strings.TrimRight(id, "0123456789")]; one != nil && id != ids[0] && p.noted(ids, 1) {
				seen.careful++
			}
		}
		for _, c := range p.calls {
			if len(c.ids) > 1 {
				seen.inRuns += len(c.ids)
			}
		}
	})
	// A generator that never gets to the interesting cases would prove nothing.
	if seen.batches < leastBatches || min(seen.returned, seen.unstarted, seen.cutOff, seen.buried, seen.lost, seen.attempts, seen.careful, seen.repeated, seen.inRuns) < leastBatches/50 {
		t.Errorf("too little was seen: %+v", seen)
	}
	t.Logf("%+v", seen)
}

func listed(r events.SQSEventResponse) []string { return strings.Fields(failures(r)) }

// Every panic in the parts around a group gives the whole batch back, whatever group it was in.
func TestRandomBatchesWithAPanicAroundTheHandler(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := draw(t)
		if len(p.event.Records) == 0 {
			return
		}
		calls, at := 0, rapid.IntRange(1, 2*len(p.event.Records)).Draw(t, "at")
		var mu sync.Mutex
		// The clock is asked by sqsbatch alone, so its panic is one of sqsbatch itself.
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
