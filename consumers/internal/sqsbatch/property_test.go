package sqsbatch_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"pgregory.net/rapid"

	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/sqsbatch"
	"boxoffice/contracts/message"
)

// leastBatches is how many random batches the property is held to at least, whatever -rapid.checks says.
const leastBatches = 10_000

// plan is what becomes of one message of a random batch.
type plan struct {
	ending   string
	after    time.Duration
	takes    time.Duration
	deaf     bool // works on when its context ends
	buryFail string
}

// life is what was seen of one message.
type life struct {
	started, ended time.Duration
	ran            bool
	cutOff         bool
	buried         bool
}

// play is one random batch and what was seen of it.
type play struct {
	plans    map[string]plan
	receives map[string]int
	members  map[string][]string // group to its messages in order
	event    events.SQSEvent
	limit    time.Duration
	margin   time.Duration
	least    time.Duration

	begin   time.Time
	mu      sync.Mutex
	running map[string]string
	lives   map[string]*life
	returns map[string]returned // by group
	faults  []string
}

func (p *play) faultf(format string, args ...any) {
	p.faults = append(p.faults, fmt.Sprintf(format, args...))
}

func draw(t *rapid.T) *play {
	p := &play{
		plans: map[string]plan{}, receives: map[string]int{}, members: map[string][]string{}, running: map[string]string{},
		lives: map[string]*life{}, returns: map[string]returned{},
		limit:  rapid.SampledFrom([]time.Duration{0, time.Second, 3 * time.Second, 5 * time.Second}).Draw(t, "limit"),
		margin: rapid.SampledFrom([]time.Duration{100 * time.Millisecond, 500 * time.Millisecond}).Draw(t, "margin"),
		least:  rapid.SampledFrom([]time.Duration{time.Millisecond, 200 * time.Millisecond}).Draw(t, "least"),
	}
	groups := rapid.SliceOfN(rapid.SampledFrom([]string{"", "a", "b", "c", "d"}), 0, 10).Draw(t, "groups")
	for i, group := range groups {
		id := fmt.Sprintf("%s%d", group, i)
		p.members[group] = append(p.members[group], id)
		p.receives[id] = rapid.IntRange(0, 120).Draw(t, "receives")
		// Most are done, so that batches go deep before something happens.
		p.plans[id] = plan{
			ending:   rapid.SampledFrom([]string{"done", "done", "done", "done", "refused", "retry", "after", "poison", "panic", "empty"}).Draw(t, "ending"),
			after:    rapid.SampledFrom([]time.Duration{time.Millisecond, 7 * time.Second, time.Hour}).Draw(t, "after"),
			takes:    rapid.SampledFrom([]time.Duration{0, 0, 0, 10 * time.Millisecond, 700 * time.Millisecond, 4 * time.Second}).Draw(t, "takes"),
			deaf:     rapid.Bool().Draw(t, "deaf"),
			buryFail: rapid.SampledFrom([]string{"", "", "error", "panic"}).Draw(t, "buryFail"),
		}
		r := record(id)
		r.Attributes["ApproximateReceiveCount"] = fmt.Sprint(p.receives[id])
		if group == "" {
			delete(r.Attributes, "MessageGroupId")
		}
		p.event.Records = append(p.event.Records, r)
	}
	return p
}

func (p *play) handle(ctx context.Context, d message.Delivery) retry.Outcome {
	plan, one := p.plans[d.MessageID], &life{started: time.Since(p.begin), ran: true}
	p.mu.Lock()
	if other, busy := p.running[d.Group]; busy {
		p.faultf("%s began while %s of its group was running", d.MessageID, other)
	}
	if p.lives[d.MessageID] != nil {
		p.faultf("%s was handled twice", d.MessageID)
	}
	p.running[d.Group], p.lives[d.MessageID] = d.MessageID, one
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.running, d.Group)
		one.ended = time.Since(p.begin)
	}()
	if plan.deaf {
		time.Sleep(plan.takes)
	} else {
		select {
		case <-time.After(plan.takes):
		case <-ctx.Done():
			one.cutOff = true
			return retry.Classify(ctx.Err())
		}
	}
	switch plan.ending {
	case "done":
		return retry.Done()
	case "refused":
		return retry.Refused("seat_taken")
	case "retry":
		return retry.Retry(errDown)
	case "after":
		return retry.RetryAfter(plan.after, errDown)
	case "poison":
		return retry.Poison("p", errDown)
	case "panic":
		panic("boom")
	default:
		return retry.Outcome{}
	}
}

func (p *play) bury(_ context.Context, d message.Delivery, _ string) error {
	switch p.plans[d.MessageID].buryFail {
	case "error":
		return errDown
	case "panic":
		panic("boom")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lives[d.MessageID].buried = true
	return nil
}

// ReturnAfter implements sqsbatch.Queue. It fails or panics at times, which must change nothing.
func (p *play) ReturnAfter(_ context.Context, receipts []sqsbatch.Receipt, d time.Duration) error {
	ids := make([]string, len(receipts))
	for i, r := range receipts {
		ids[i] = r.MessageID
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	group := strings.TrimRight(ids[0], "0123456789")
	if _, twice := p.returns[group]; twice {
		p.faultf("group %q was returned twice", group)
	}
	p.returns[group] = returned{strings.Join(ids, " "), d}
	switch len(p.returns) % 3 {
	case 1:
		return errDown
	case 2:
		panic("boom")
	}
	return nil
}

// acknowledged says whether a message may be deleted: its effect is there, refused, or it is buried.
func (p *play) acknowledged(id string) bool {
	one := p.lives[id]
	if one == nil || one.cutOff {
		return false
	}
	switch p.plans[id].ending {
	case "done", "refused":
		return true
	default:
		return one.buried
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
	first := slices.IndexFunc(ids, func(id string) bool { return !p.acknowledged(id) })
	if first < 0 {
		if r, some := p.returns[group]; some {
			p.faultf("group %q is all done and %v was returned", group, r)
		}
		return nil
	}
	for i := 1; i < len(ids); i++ {
		before, after := p.lives[ids[i-1]], p.lives[ids[i]]
		if after != nil && (before == nil || after.started < before.ended) {
			p.faultf("%s began before %s had ended", ids[i], ids[i-1])
		}
		if i > first && after != nil {
			p.faultf("%s was started behind %s, which comes back", ids[i], ids[first])
		}
	}
	p.checkVisibility(group, ids, first)
	return ids[first:]
}

func (p *play) checkVisibility(group string, ids []string, first int) {
	head, got := ids[first], p.returns[group]
	if got.ids != strings.Join(ids[first:], " ") {
		p.faultf("visibility of %q was changed, want that of %v", got.ids, ids[first:])
	}
	plan, one := p.plans[head], p.lives[head]
	switch {
	case one == nil:
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
	case plan.ending == "after" && !one.cutOff:
		if got.after != plan.after {
			p.faultf("%s asked for %s and waits %s", head, plan.after, got.after)
		}
	default:
		if got.after < 0 || got.after > retry.MaxVisibility || got.after%time.Second != 0 {
			p.faultf("%s waits %s", head, got.after)
		}
	}
}

// run plays the batch, in a bubble of synctest.
func (p *play) run(seed uint64) (events.SQSEventResponse, error) {
	batches := sqsbatch.New(p.handle, p, p.bury, sqsbatch.Options{
		Margin: p.margin, MinPerMessage: p.least, Backoff: retry.NewFullJitter(time.Second, retry.MaxVisibility, rand.New(rand.NewPCG(seed, 0))),
	})
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	p.begin = time.Now()
	if p.limit > 0 {
		ctx, cancel = context.WithTimeout(ctx, p.limit)
	}
	defer cancel()
	response, err := batches.Handle(ctx, p.event)
	if took := time.Since(p.begin); took > p.longest() {
		p.faultf("took %s, the slowest group %s", took, p.longest())
	}
	return response, err
}

// longest is how long the batch must take at most, its groups being side by side.
func (p *play) longest() time.Duration {
	var longest time.Duration
	for _, ids := range p.members {
		var sum time.Duration
		for _, id := range ids {
			sum += p.plans[id].takes
		}
		longest = max(longest, sum)
	}
	return longest
}

// Random batches of random groups, endings, panics, slow and deaf handlers, short invocations and failing ports.
func TestRandomBatches(t *testing.T) {
	checks := flag.Lookup("rapid.checks")
	if n, err := strconv.Atoi(checks.Value.String()); err != nil || n < leastBatches {
		before := checks.Value.String()
		if err := checks.Value.Set(strconv.Itoa(leastBatches)); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = checks.Value.Set(before) }()
	}
	var seen struct{ batches, returned, unstarted, cutOff, buried int }
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
			case one.buried:
				seen.buried++
			}
		}
	})
	// A generator that never gets to the interesting cases would prove nothing.
	if seen.batches < leastBatches || min(seen.returned, seen.unstarted, seen.cutOff, seen.buried) < leastBatches/50 {
		t.Errorf("too little was seen: %+v", seen)
	}
	t.Logf("%+v", seen)
}

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
		done := func(context.Context, message.Delivery) retry.Outcome { return retry.Done() }
		response, err := sqsbatch.New(done, p, p.bury, sqsbatch.Options{Now: clock}).Handle(context.Background(), p.event)
		if !errors.Is(err, sqsbatch.ErrUnusable) || response.BatchItemFailures != nil {
			t.Fatalf("response %v, error %v", response, err)
		}
	})
}
