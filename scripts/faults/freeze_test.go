package faults

import (
	"fmt"
	"sync"
	"syscall"
	"time"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/faultproxy"
)

// freezer stops processes at the calls that they make. Each freeze applies only to the first call that matches it.
type freezer struct {
	s     *stack
	mu    sync.Mutex
	armed []*frozen
}

// frozen is a call that is held back while the process that made it is stopped.
type frozen struct {
	freeze
	s        *stack
	caught   chan int
	released chan struct{}
	done     chan struct{}
	pid      int
}

// freeze says where a process of a function is stopped: at its first matching call to a service. The call is held back before its
// effect or, with afterEffect, its response is held back.
type freeze struct {
	at, function, service string
	afterEffect           bool
	match                 func(faultproxy.Call) bool
}

// freezer hooks all services whose calls the stack shows.
func (s *stack) freezer() *freezer {
	z := &freezer{s: s}
	for service, calls := range s.calls {
		calls.Hook(func(c faultproxy.Call, forward func()) bool {
			if f := z.take(service, c); f != nil {
				f.hold(forward)
			}
			return true
		})
	}
	return z
}

func (z *freezer) arm(what freeze) *frozen {
	z.mu.Lock()
	defer z.mu.Unlock()
	f := &frozen{freeze: what, s: z.s, caught: make(chan int, 1), released: make(chan struct{}), done: make(chan struct{})}
	z.armed = append(z.armed, f)
	return f
}

// take returns and removes the freeze that matches a call, if any.
func (z *freezer) take(service string, c faultproxy.Call) *frozen {
	z.mu.Lock()
	defer z.mu.Unlock()
	for i, f := range z.armed {
		if f.service == service && f.match(c) {
			z.armed = append(z.armed[:i], z.armed[i+1:]...)
			return f
		}
	}
	return nil
}

func (f *frozen) hold(forward func()) {
	if f.afterEffect {
		forward()
	}
	pids, err := f.s.signalBusy(f.function, syscall.SIGSTOP)
	if err != nil || len(pids) != 1 {
		f.s.t.Errorf("at %s processes %v were stopped, want exactly one: %v", f.at, pids, err)
		pids = append(pids, 0)
	}
	f.caught <- pids[0]
	select {
	case <-f.released:
	case <-f.s.t.Context().Done():
	}
	forward()
	close(f.done)
}

// waitStopped waits until the process is stopped.
func (f *frozen) waitStopped() {
	f.s.t.Helper()
	select {
	case f.pid = <-f.caught:
	case <-time.After(decideWithin):
		f.s.t.Fatalf("nothing was stopped at %s within %s", f.at, decideWithin)
	}
}

// waitKilled waits until the host has killed the stopped process at its timeout.
func (f *frozen) waitKilled() {
	f.s.t.Helper()
	eventually(f.s.t, decideWithin, func() error {
		now, err := f.s.Function(f.s.t.Context(), f.function)
		if _, lives := processByPID(now, f.pid); err == nil && (lives || now.Timeouts == 0) {
			err = fmt.Errorf("process %d was not killed at its timeout: %+v", f.pid, now)
		}
		return err
	})
}

// release lets the call take effect, late, even if its process is dead.
func (f *frozen) release() {
	close(f.released)
	<-f.done
}

// resume continues the stopped process, and waits until it has finished its invocation, alive.
func (f *frozen) resume() {
	f.s.t.Helper()
	if err := syscall.Kill(f.pid, syscall.SIGCONT); err != nil {
		f.s.t.Fatalf("the process that was stopped at %s has ended: %v", f.at, err)
	}
	eventually(f.s.t, decideWithin, func() error {
		now, err := f.s.Function(f.s.t.Context(), f.function)
		if err != nil {
			return err
		}
		p, lives := processByPID(now, f.pid)
		if !lives {
			f.s.t.Fatalf("process %d was killed after it was stopped at %s, and did not continue: %+v", f.pid, f.at, now)
		}
		if p.State != "idle" {
			return fmt.Errorf("process %+v", p)
		}
		return nil
	})
}

// writesRow matches calls that write a row of the table with this text and status.
func writesRow(table, text string, status contracts.Status) func(faultproxy.Call) bool {
	return func(c faultproxy.Call) bool {
		return (c.Operation == "PutItem" || c.Operation == "TransactWriteItems") && c.Mentions(table) && c.Mentions(text) &&
			c.Mentions(fmt.Sprintf(`"status":{"S":%q}`, status))
	}
}
