package runtimeapi

import (
	"context"
	"fmt"
)

// Place is one process of a function, reserved for a call that comes soon, so that a source fetches only work that can start at
// once. The holder either invokes with it or gives it back. It is not safe for concurrent use.
type Place struct {
	host     *Host
	function *function // nil once it is used
}

// full reports whether the reserved concurrency is used up by calls that are running, waiting for a process or announced by a
// Place. f.mu must be held.
func (f *function) full() bool {
	return f.ReservedConcurrency > 0 && f.unfinishedCalls()+f.waiting.Len()+f.places >= f.ReservedConcurrency
}

// unfinishedCalls counts the calls at a process that have no result yet. A completed call does not count, although its process
// has not yet asked for more work: its caller may call again at once, and then waits for a process. f.mu must be held.
func (f *function) unfinishedCalls() (n int) {
	for _, s := range f.slots {
		if p := s.process; p != nil && p.call != nil && !p.call.completed {
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

// GiveBack ends a reservation without a call. It does nothing if the place was used or given back before.
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

// use ends a reservation, and reports whether there was one. The function's lock must be held.
func (p *Place) use() bool {
	if p == nil || p.function == nil {
		return false
	}
	p.function.places--
	p.function = nil
	return true
}
