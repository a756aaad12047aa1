package reconcile

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"boxoffice/consumers/internal/retry"
)

// margin is the part of the handler's time that is reserved for the report and the metrics, after the last call.
const margin = 2 * time.Second

// lastStep bounds nearly every step of a part, by the timeouts of the adapters. No step begins later than this before the margin,
// so the end of the run cancels no call. To a breaker a cancelled call is a failure of its dependency, and the next run would find
// the breaker open.
const lastStep = 4 * time.Second

// The fractions of a run's time after which each part begins no further step. A part that ends early leaves its time to the later
// parts. A part that does not delays them by its last step at most.
const (
	untilLetters = 0.20
	untilScan    = 0.32 // the index of open orders
	untilDue     = 0.55
	untilGroups  = 0.66 // the choice of groups
	untilLoad    = 0.72
	untilSweep   = 0.78
	untilRepair  = 0.92 // and the search for seats that are sold twice
	untilView    = 1    // the overview
)

// runTime is the time that a run may take. The zero length means no bound.
type runTime struct {
	now    func() time.Time
	begin  time.Time
	length time.Duration
}

// timeOf returns the time until the context's deadline less margin and lastStep.
func timeOf(ctx context.Context, now func() time.Time) runTime {
	t := runTime{now: now, begin: now()}
	if deadline, bounded := ctx.Deadline(); bounded {
		t.length = max(deadline.Sub(t.begin)-margin-lastStep, 1)
	}
	return t
}

// until returns the time budget of a part: from now to a fraction of the run.
func (t runTime) until(fraction float64) timeBudget {
	if t.length == 0 {
		return timeBudget{}
	}
	return timeBudget{now: t.now, end: t.begin.Add(time.Duration(float64(t.length) * fraction))}
}

// timeBudget is the time of one part of a run. The zero budget has no end.
type timeBudget struct {
	now func() time.Time
	end time.Time
}

// spent says whether the time has ended. Then the part completes its current step and begins no other one, except for its first:
// each part does something even if every call is slow.
func (b timeBudget) spent() bool { return b.now != nil && !b.now().Before(b.end) }

// forEach calls do for each item, at most parallel calls at a time. Once the budget is spent it begins no item but the first; left
// counts the items that it did not begin. An error or a panic of one item does not stop the others.
func forEach[T any](budget timeBudget, parallel int, items []T, do func(T) error) (left int, err error) {
	var p problems
	slots := make(chan struct{}, parallel)
	var running sync.WaitGroup
	for i, item := range items {
		slots <- struct{}{}
		if i > 0 && budget.spent() {
			left = len(items) - i
			break
		}
		running.Go(func() {
			defer func() { <-slots }()
			// A row or a letter that makes the program panic would otherwise end every run.
			p.add(retry.Safely("item", func() error { return do(item) }))
		})
	}
	running.Wait()
	return left, p.err()
}

// maxProblems bounds how many errors of a part are reported in full; the others are counted. While a dependency is down, thousands
// of them are the same.
const maxProblems = 10

// problems collects errors. It is safe for concurrent use.
type problems struct {
	mu    sync.Mutex
	first []error
	more  int
}

func (p *problems) add(err error) {
	if err == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.first) < maxProblems {
		p.first = append(p.first, err)
		return
	}
	p.more++
}

func (p *problems) err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.more > 0 {
		return errors.Join(append(p.first[:len(p.first):len(p.first)], fmt.Errorf("and %d more", p.more))...)
	}
	return errors.Join(p.first...)
}
