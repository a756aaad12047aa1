package runtimeapi

import (
	"container/list"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Invocation is one call of a function.
type Invocation struct {
	Payload []byte
	// Trace is the X-Ray trace header; empty means a new one.
	Trace string
	// Wait bounds the wait for a free process; 0 leaves it to the context.
	Wait time.Duration
	// Place is where the call was announced; nil for a call that was not. It is used up by the call.
	Place *Place
}

// call is an invocation on its way: waiting, then at one process, then done. Its fields but outcome are fixed.
type call struct {
	id      string
	payload []byte
	trace   string
	// announced calls have a process kept free for them.
	announced bool

	// outcome has room for one result, so that whoever settles a call never waits for its caller, who may be gone.
	outcome chan outcome
	settled bool
	taken   bool
}

type outcome struct {
	payload []byte
	err     error
}

// settle gives the result once; later ones (an answer that comes after its timeout) are dropped. The function's lock is
// held.
func (c *call) settle(payload []byte, err error) bool {
	if c.settled {
		return false
	}
	c.settled = true
	c.outcome <- outcome{payload, err}
	return true
}

// function matches calls with processes. One lock guards all: who waits, who is idle, and what each process is at.
type function struct {
	Function
	output *sharedWriter
	slots  []*slot

	mu      sync.Mutex
	waiting *list.List // of *call, first come first served
	idle    []*process // the one that was idle last is used first, as Lambda does
	places  int        // how many of the idle ones are kept for announced calls
	busy    int
	changed chan struct{} // closed and replaced whenever idle or busy changes
	counts  counts
}

type counts struct{ invocations, errors, timeouts, crashes, throttles int }

func newFunction(f Function, output *sharedWriter) *function {
	fn := &function{Function: f, output: output, waiting: list.New(), changed: make(chan struct{})}
	for i := range f.Processes {
		fn.slots = append(fn.slots, &slot{function: fn, number: i, stop: make(chan struct{})})
	}
	return fn
}

// signal wakes everybody who waits for a change. The lock is held.
func (f *function) signal() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// Invoke calls a function and waits for its answer. ctx bounds the wait: if it ends before a process was free the error
// is ErrNoFreeProcess and nothing happened; if it ends later the function goes on, unobserved, until its own timeout, as
// on Lambda. A failure of the function itself is a *FunctionError. If the function's reserved concurrency is used up the error is
// ErrThrottled, at once.
func (h *Host) Invoke(ctx context.Context, name string, invocation Invocation) ([]byte, error) {
	f, err := h.function(name)
	if err != nil {
		return nil, err
	}
	if len(invocation.Payload) > MaxPayload {
		invocation.Place.GiveBack()
		return nil, fmt.Errorf("%w: %d bytes", ErrPayloadTooLarge, len(invocation.Payload))
	}
	trace := invocation.Trace
	if trace == "" {
		trace = NewTrace(h.options.Now(), h.options.Random)
	}
	c := &call{id: NewID(h.options.Random), payload: invocation.Payload, trace: trace, outcome: make(chan outcome, 1)}
	f.mu.Lock()
	c.announced = invocation.Place.use()
	switch {
	case h.isStopping():
		f.mu.Unlock()
		return nil, ErrStopping
	case f.full():
		f.counts.throttles++
		f.mu.Unlock()
		return nil, fmt.Errorf("%w: %s runs %d invocations at most", ErrThrottled, name, f.ReservedConcurrency)
	}
	var element *list.Element
	if c.announced {
		// The place was kept free for this call, and not for those that came after it was promised.
		element = f.waiting.PushFront(c)
	} else {
		element = f.waiting.PushBack(c)
	}
	f.match(h.options.Now)
	f.mu.Unlock()

	return f.await(ctx, c, element, invocation.Wait)
}

func (f *function) await(ctx context.Context, c *call, element *list.Element, wait time.Duration) ([]byte, error) {
	var waited <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		waited = timer.C
	}
	// withdraw takes back a call that no process has taken.
	withdraw := func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		if c.taken || c.settled {
			return false
		}
		f.waiting.Remove(element)
		return true
	}
	for {
		select {
		case o := <-c.outcome:
			return o.payload, o.err
		case <-waited:
			if withdraw() {
				return nil, fmt.Errorf("%w within %s", ErrNoFreeProcess, wait)
			}
			waited = nil
		case <-ctx.Done():
			if withdraw() {
				return nil, fmt.Errorf("%w: %w", ErrNoFreeProcess, ctx.Err())
			}
			return nil, fmt.Errorf("gave up waiting for the answer: %w", ctx.Err())
		}
	}
}

// match hands waiting calls to idle processes. The lock is held.
func (f *function) match(now func() time.Time) {
	for f.waiting.Len() > 0 {
		front := f.waiting.Front()
		c, ok := front.Value.(*call)
		if ok && (len(f.idle) == 0 || !c.announced && len(f.idle) <= f.places) {
			break
		}
		f.waiting.Remove(front)
		if !ok {
			continue
		}
		p := f.idle[len(f.idle)-1]
		f.idle = f.idle[:len(f.idle)-1]
		c.taken = true
		f.busy++
		f.counts.invocations++
		p.slot.invocations++
		p.work(c, now().Add(f.Timeout), f)
	}
	f.signal()
}

// refuseWaiting fails every call that no process has taken.
func (f *function) refuseWaiting(reason error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for e := f.waiting.Front(); e != nil; e = e.Next() {
		if c, ok := e.Value.(*call); ok {
			c.settle(nil, reason)
		}
	}
	f.waiting.Init()
}

// drain waits until no process is at work.
func (f *function) drain(ctx context.Context) error {
	for {
		f.mu.Lock()
		busy, changed := f.busy, f.changed
		f.mu.Unlock()
		if busy == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d invocations: %w", busy, ctx.Err())
		}
	}
}

// release ends a process's work on its call. The lock is held.
func (f *function) release(p *process) {
	if p.call == nil {
		return
	}
	p.timer.Stop()
	p.call = nil
	f.busy--
	f.signal()
}

// forget takes a process out of the idle ones. The lock is held.
func (f *function) forget(p *process) {
	if i := slices.Index(f.idle, p); i >= 0 {
		f.idle = slices.Delete(f.idle, i, i+1)
		f.signal()
	}
}
