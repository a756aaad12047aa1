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
	// Wait bounds the wait for a free process; 0 means that only the context bounds it.
	Wait time.Duration
	// Place is a reserved process for this call, or nil. The call uses it up.
	Place *Place
}

// call is an invocation: it waits, is taken by one process, and is then completed. Only taken and completed change.
type call struct {
	id      string
	payload []byte
	trace   string
	// announced is true if a Place keeps a process free for the call.
	announced bool

	// outcome has room for one result, so that complete never blocks on a caller that has given up.
	outcome   chan outcome
	completed bool
	taken     bool
}

type outcome struct {
	payload []byte
	err     error
}

// complete sends the result once. Later results, such as a response after the timeout, are dropped. The function's lock must be
// held.
func (c *call) complete(payload []byte, err error) bool {
	if c.completed {
		return false
	}
	c.completed = true
	c.outcome <- outcome{payload, err}
	return true
}

// function matches calls with processes. mu guards the waiting calls, the idle processes and the state of each process.
type function struct {
	Function
	output *sharedWriter
	slots  []*slot

	mu      sync.Mutex
	waiting *list.List // of *call, first come first served
	idle    []*process // the most recently used one is used first, as on Lambda
	places  int        // how many of the idle ones are reserved for announced calls
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

// signal wakes every goroutine that waits for a change. f.mu must be held.
func (f *function) signal() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// Invoke calls a function and returns its response. ctx bounds the wait: if it ends before a process is free, the error is
// ErrNoFreeProcess and the function was not invoked; if it ends later, the function continues, unobserved, until its own timeout,
// as on Lambda. If the function itself fails, the error is a *FunctionError. If its reserved concurrency is used up, the error is
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
		// The place was reserved for this call, not for those that were waiting behind it.
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
	// withdraw removes a call that no process has taken.
	withdraw := func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		if c.taken || c.completed {
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
			return nil, fmt.Errorf("gave up waiting for the response: %w", ctx.Err())
		}
	}
}

// match gives waiting calls to idle processes. f.mu must be held.
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
			c.complete(nil, reason)
		}
	}
	f.waiting.Init()
}

// drain waits until no process has a call.
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

// release ends a process's work on its call. f.mu must be held.
func (f *function) release(p *process) {
	if p.call == nil {
		return
	}
	p.timer.Stop()
	p.call = nil
	f.busy--
	f.signal()
}

// forget removes a process from the idle ones. f.mu must be held.
func (f *function) forget(p *process) {
	if i := slices.Index(f.idle, p); i >= 0 {
		f.idle = slices.Delete(f.idle, i, i+1)
		f.signal()
	}
}
