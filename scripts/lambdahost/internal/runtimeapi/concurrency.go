package runtimeapi

import (
	"context"
	"fmt"
)

// Place is one process of a function that is kept free for a call which comes soon, so that a source fetches only work that
// is handed to the function at once. Whoever has one invokes with it or gives it back. It is used by one goroutine at a time.
type Place struct {
	host     *Host
	function *function // nil once it is used up
}

// full tells whether the reserved concurrency is used up: by calls that have no answer yet, wait for a process or are announced. The
// lock is held.
func (f *function) full() bool {
	return f.ReservedConcurrency > 0 && f.unanswered()+f.waiting.Len()+f.places >= f.ReservedConcurrency
}

// unanswered counts the calls at a process that have no answer. One that has was an invocation until then: a caller who has his
// answer may call again at once, and waits for the process to ask for work. The lock is held.
func (f *function) unanswered() (n int) {
	for _, s := range f.slots {
		if p := s.process; p != nil && p.call != nil && !p.call.settled {
			n++
		}
	}
	return n
}

// Reserve waits until a process of the function is free and keeps it free for one call, within the function's reserved
// concurrency. It fails when ctx ends.
func (h *Host) Reserve(ctx context.Context, name string) (*Place, error) {
	f, err := h.function(name)
	if err != nil {
		return nil, err
	}
	for {
		f.mu.Lock()
		changed := f.changed
		if len(f.idle) > f.places+f.waiting.Len() && !f.full() {
			f.places++
			f.mu.Unlock()
			return &Place{h, f}, nil
		}
		f.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrNoFreeProcess, ctx.Err())
		}
	}
}

// GiveBack ends a reservation without a call. It does nothing to one that is used or given back already.
func (p *Place) GiveBack() {
	if p == nil || p.function == nil {
		return
	}
	f := p.function
	f.mu.Lock()
	defer f.mu.Unlock()
	p.use()
	f.match(p.host.options.Now)
}

// use ends a reservation, and tells whether there was one. The function's lock is held.
func (p *Place) use() bool {
	if p == nil || p.function == nil {
		return false
	}
	p.function.places--
	p.function = nil
	return true
}
