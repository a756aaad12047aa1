package sqsbatch_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"pgregory.net/rapid"

	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
)

// plan is what happens to one message of a random batch.
type plan struct {
	outcome        string
	after          time.Duration // the delay that its error asks for
	takes          time.Duration
	ignoresContext bool // its handler works on after the context has ended
	buryFail       string
	joins          bool
	cutsRun        bool // its run returns no errors from this message on
	earlier        int  // lost attempts
	beginFail      string
	endFail        string
}

// life is what was observed of one message.
type life struct {
	started, ended time.Duration
	call           int // the number of the call that handled it, -1 for none
	cutOff         bool
	panicked       bool // its run panicked
	buried         string
}

// call is one call of a handler.
type call struct {
	ids []string
	run bool
}

// play is one random batch and what was observed of it.
type play struct {
	plans    map[string]plan
	receives map[string]int
	members  map[string][]string // group to its messages in order
	event    events.SQSEvent
	limit    time.Duration
	margin   time.Duration
	least    time.Duration
	runs     bool
	attempts bool

	begin   time.Time
	mu      sync.Mutex
	running map[string]string
	lives   map[string]*life
	calls   []call
	begun   map[string]int      // notes, by message
	noted   map[string]bool     // messages whose attempts were noted
	returns map[string]returned // by group
	faults  []string
}

// faultf records a broken rule.
func (p *play) faultf(format string, args ...any) {
	p.faults = append(p.faults, fmt.Sprintf(format, args...))
}

// draw draws a random batch.
func draw(t *rapid.T) *play {
	p := &play{
		plans: map[string]plan{}, receives: map[string]int{}, members: map[string][]string{}, running: map[string]string{},
		lives: map[string]*life{}, begun: map[string]int{}, noted: map[string]bool{}, returns: map[string]returned{},
		limit:  rapid.SampledFrom([]time.Duration{0, time.Second, 3 * time.Second, 5 * time.Second}).Draw(t, "limit"),
		margin: rapid.SampledFrom([]time.Duration{100 * time.Millisecond, 500 * time.Millisecond}).Draw(t, "margin"),
		least:  rapid.SampledFrom([]time.Duration{time.Millisecond, 200 * time.Millisecond}).Draw(t, "least"),
		runs:   rapid.Bool().Draw(t, "runs"), attempts: rapid.Bool().Draw(t, "attempts"),
	}
	groups := rapid.SliceOfN(rapid.SampledFrom([]string{"", "a", "a", "b", "c"}), 0, 10).Draw(t, "groups")
	for i, group := range groups {
		id := fmt.Sprintf("%s%d", group, i)
		p.members[group] = append(p.members[group], id)
		p.receives[id] = rapid.SampledFrom([]int{0, 1, 1, 2, 3, 120}).Draw(t, "receives")
		// Most messages are done, so that many batches get past their first messages.
		m := plan{
			outcome:        rapid.SampledFrom([]string{"done", "done", "done", "done", "done", "refused", "retry", "after", "poison", "panic", "empty"}).Draw(t, "outcome"),
			after:          rapid.SampledFrom([]time.Duration{time.Millisecond, 7 * time.Second, time.Hour}).Draw(t, "after"),
			takes:          rapid.SampledFrom([]time.Duration{0, 0, 0, 10 * time.Millisecond, 700 * time.Millisecond, 4 * time.Second}).Draw(t, "takes"),
			ignoresContext: rapid.Bool().Draw(t, "ignoresContext"),
			buryFail:       rapid.SampledFrom([]string{"", "", "error", "panic"}).Draw(t, "buryFail"),
			joins:          rapid.SampledFrom([]bool{true, true, false}).Draw(t, "joins"),
			cutsRun:        rapid.IntRange(0, 9).Draw(t, "cutsRun") == 0,
			earlier:        rapid.SampledFrom([]int{0, 0, 0, 1, 2, 3}).Draw(t, "earlier"),
			beginFail:      rapid.SampledFrom([]string{"", "", "", "", "", "error", "panic"}).Draw(t, "beginFail"),
			endFail:        rapid.SampledFrom([]string{"", "", "", "error", "panic"}).Draw(t, "endFail"),
		}
		p.plans[id] = m
		if m.earlier > 0 {
			p.begun[id] = m.earlier
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

// enter records a call of a handler and returns its number. A group must have one call at a time.
func (p *play) enter(group string, run bool, ids ...string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if other, busy := p.running[group]; busy {
		p.faultf("%s began while %s of its group was running", ids[0], other)
	}
	p.running[group] = ids[0]
	p.calls = append(p.calls, call{ids: ids, run: run})
	return len(p.calls) - 1
}

// exit records the end of a call.
func (p *play) exit(group string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.running, group)
}

func (p *play) handle(ctx context.Context, d message.Delivery) error {
	number := p.enter(d.Group, false, d.MessageID)
	defer p.exit(d.Group)
	return p.work(ctx, d.MessageID, number)
}

func (p *play) handleRun(ctx context.Context, run []message.Delivery) (outcomes []error) {
	var ids []string
	for _, d := range run {
		ids = append(ids, d.MessageID)
	}
	number := p.enter(run[0].Group, true, ids...)
	defer p.exit(run[0].Group)
	defer func() {
		if panicked := recover(); panicked != nil {
			p.mu.Lock()
			defer p.mu.Unlock()
			for _, id := range ids {
				if m := p.lives[id]; m != nil && m.call == number {
					m.panicked = true
				}
			}
			panic(panicked)
		}
	}()
	for _, id := range ids {
		if p.plans[id].cutsRun {
			break
		}
		outcomes = append(outcomes, p.work(ctx, id, number))
	}
	return outcomes
}

// work is the work of a handler on one message.
func (p *play) work(ctx context.Context, id string, call int) error {
	plan, m := p.plans[id], &life{started: time.Since(p.begin), call: call}
	p.mu.Lock()
	if p.lives[id] != nil {
		p.faultf("%s was handled twice", id)
	}
	p.lives[id] = m
	p.mu.Unlock()
	defer func() { m.ended = time.Since(p.begin) }()
	if plan.ignoresContext {
		time.Sleep(plan.takes)
	} else {
		worked, stop := after(plan.takes)
		defer stop()
		select {
		case <-worked:
		case <-ctx.Done():
			m.cutOff = true
			return ctx.Err()
		}
	}
	switch plan.outcome {
	case "done":
		return nil
	case "refused":
		return retry.Refused("seat_taken")
	case "retry":
		return errDown
	case "after":
		return retry.WithDelay(plan.after, errDown)
	case "poison":
		return retry.Poison("p", errDown)
	case "panic":
		panic("boom")
	default:
		return retry.Retryable(retry.Poison("p", errDown))
	}
}

// after returns a channel that is closed after d, and a function that stops its timer. It replaces time.After: a select on a
// timer's own channel in a synctest bubble sometimes crashes the race detector's runtime (Go 1.26: SIGSEGV in
// (*timer).maybeRunChan when the timer is due as the select begins). A timer that calls a function does not take that path.
func after(d time.Duration) (over <-chan struct{}, stop func()) {
	done := make(chan struct{})
	timer := time.AfterFunc(d, func() { close(done) })
	return done, func() { timer.Stop() }
}

// fail ends the call of a port as its plan says.
func fail(how string) error {
	switch how {
	case "error":
		return errDown
	case "panic":
		panic("boom")
	}
	return nil
}

func (p *play) bury(_ context.Context, d message.Delivery, reason string) error {
	if err := fail(p.plans[d.MessageID].buryFail); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lives[d.MessageID] == nil {
		now := time.Since(p.begin)
		p.lives[d.MessageID] = &life{started: now, ended: now, call: -1}
	}
	p.lives[d.MessageID].buried = reason
	return nil
}

// Begin implements sqsbatch.Attempts. If it fails, the note is written all the same, which is the worse case.
func (p *play) Begin(_ context.Context, id string, _ time.Time) ([]time.Time, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lives[id] == nil {
		p.noted[id] = true
	}
	p.begun[id]++
	return make([]time.Time, p.begun[id]-1), fail(p.plans[id].beginFail)
}

// End implements sqsbatch.Attempts.
func (p *play) End(ctx context.Context, id string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	group := strings.TrimRight(id, "0123456789")
	if slices.Contains(strings.Fields(p.returns[group].ids), id) {
		p.faultf("the note of %s was deleted after it was returned", id)
	}
	if err := fail(p.plans[id].endFail); err != nil {
		return err
	}
	delete(p.begun, id)
	return nil
}

// ReturnAfter implements sqsbatch.Queue. Some calls fail or panic, which must have no effect.
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
	return fail([]string{"", "error", "panic"}[len(p.returns)%3])
}

// run handles the batch, in a synctest bubble.
func (p *play) run(seed uint64) (events.SQSEventResponse, error) {
	options := sqsbatch.Options{
		Margin: p.margin, MinPerMessage: p.least, Backoff: retry.NewFullJitter(time.Second, retry.MaxVisibility, rand.New(rand.NewPCG(seed, 0))),
	}
	if p.runs {
		options.Runs = &sqsbatch.Runs{Joins: func(d message.Delivery) bool { return p.plans[d.MessageID].joins }, Handle: p.handleRun}
	}
	if p.attempts {
		options.Attempts = p
	}
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	p.begin = time.Now()
	if p.limit > 0 {
		ctx, cancel = context.WithTimeout(ctx, p.limit)
	}
	defer cancel()
	response, err := sqsbatch.New(p.handle, p, p.bury, options).Handle(ctx, p.event)
	if took := time.Since(p.begin); took > p.longest() {
		p.faultf("took %s, the slowest group %s", took, p.longest())
	}
	return response, err
}

// longest returns the maximum time for the batch: that of its slowest group, since groups are handled concurrently.
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
