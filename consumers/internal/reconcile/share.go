package reconcile

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// margin is kept of the handler's time for what comes after the last call: the report and the metrics.
const margin = 2 * time.Second

// lastStep is what nearly every step of a part takes at most, by the timeouts of the adapters. Nothing is begun later than
// that before the margin. So a call is not cut off by the end of the run: to a breaker it would be a failure of its
// dependency, and the next run would find the breaker open.
const lastStep = 4 * time.Second

// The fractions of a run's time by which each part begins nothing more. A part that ends early leaves its time to the parts
// after it. A part that does not makes them late by its last step at most.
const (
	untilLetters = 0.20
	untilScan    = 0.32 // of the index of due orders
	untilDue     = 0.55
	untilGroups  = 0.66 // which groups there are
	untilLoad    = 0.72
	untilSweep   = 0.78
	untilRepair  = 1
)

// runTime is the time that a run may take. The zero length is no bound.
type runTime struct {
	now    func() time.Time
	begin  time.Time
	length time.Duration
}

// timeOf is the time until the context's deadline, without margin and lastStep.
func timeOf(ctx context.Context, now func() time.Time) runTime {
	t := runTime{now: now, begin: now()}
	if deadline, bounded := ctx.Deadline(); bounded {
		t.length = max(deadline.Sub(t.begin)-margin-lastStep, 1)
	}
	return t
}

// until is the share of a part: from now to a fraction of the run.
func (t runTime) until(fraction float64) share {
	if t.length == 0 {
		return share{}
	}
	return share{now: t.now, end: t.begin.Add(time.Duration(float64(t.length) * fraction))}
}

// share is the time of one part of a run. The zero share has no end.
type share struct {
	now func() time.Time
	end time.Time
}

// over says that the part begins nothing more; it ends what it has begun. The first step of a part is begun whatever the
// time, so that each part does something even where every call is slow.
func (s share) over() bool { return s.now != nil && !s.now().Before(s.end) }

// each calls do for each item, with at most so many calls at a time. Once the share is over it begins no item but the first;
// left is how many it did not begin. Errors and panics of an item concern no other item.
func each[T any](s share, parallel int, items []T, do func(T) error) (left int, err error) {
	var p problems
	slots := make(chan struct{}, parallel)
	var running sync.WaitGroup
	for i, item := range items {
		slots <- struct{}{}
		if i > 0 && s.over() {
			left = len(items) - i
			break
		}
		running.Go(func() {
			defer func() { <-slots }()
			p.add(safely(func() error { return do(item) }))
		})
	}
	running.Wait()
	return left, p.err()
}

// safely makes a panic an error: a row or a letter that makes the program panic would otherwise end every run.
func safely(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return do()
}

// maxProblems bounds how many errors of a part are named; the others are counted. When a dependency is down, thousands of
// them are the same.
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
