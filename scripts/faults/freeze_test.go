package faults

import (
	"fmt"
	"sync"
	"syscall"
	"time"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/faultproxy"
)

// freezer stops processes at calls that they make. Of each freeze only the first call that matches is kept.
type freezer struct {
	s     *stack
	mu    sync.Mutex
	armed []*frozen
}

// frozen is a call that is kept with the process that made it stopped.
type frozen struct {
	freeze
	s      *stack
	caught chan int
	letGo  chan struct{}
	done   chan struct{}
	pid    int
}

// freeze says where a process of a function is stopped: at its call to a service that matches. The call is kept before its
// effect or, if it had it, the answer after it.
type freeze struct {
	at, function, service string
	had                   bool
	match                 func(faultproxy.Call) bool
}

// freezer takes the hooks of all services whose calls the stack shows.
func (s *stack) freezer() *freezer {
	z := &freezer{s: s}
	for service, calls := range s.calls {
		calls.Hook(func(c faultproxy.Call, forward func()) bool {
			if f := z.take(service, c); f != nil {
				f.keep(forward)
			}
			return true
		})
	}
	return z
}

func (z *freezer) arm(what freeze) *frozen {
	z.mu.Lock()
	defer z.mu.Unlock()
	f := &frozen{freeze: what, s: z.s, caught: make(chan int, 1), letGo: make(chan struct{}), done: make(chan struct{})}
	z.armed = append(z.armed, f)
	return f
}

// take is the freeze of which this is the first call.
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

func (f *frozen) keep(forward func()) {
	if f.had {
		forward()
	}
	pids, err := f.s.signalBusy(f.function, syscall.SIGSTOP)
	if err != nil || len(pids) != 1 {
		f.s.t.Errorf("at %s %v were stopped, want the one process that handles it: %v", f.at, pids, err)
		pids = append(pids, 0)
	}
	f.caught <- pids[0]
	select {
	case <-f.letGo:
	case <-f.s.t.Context().Done():
	}
	forward()
	close(f.done)
}

// wait waits until the process is stopped.
func (f *frozen) wait() {
	f.s.t.Helper()
	select {
	case f.pid = <-f.caught:
	case <-time.After(decideWithin):
		f.s.t.Fatalf("nothing was stopped at %s within %s", f.at, decideWithin)
	}
}

// killed waits until the host has killed the stopped process, whose time was over.
func (f *frozen) killed() {
	f.s.t.Helper()
	eventually(f.s.t, decideWithin, func() error {
		now, err := f.s.Function(f.s.t.Context(), f.function)
		if _, lives := stillThere(now, f.pid); err == nil && (lives || now.Timeouts == 0) {
			err = fmt.Errorf("process %d was not killed at its timeout: %+v", f.pid, now)
		}
		return err
	})
}

// arrive lets the call have its effect, late, whatever became of its process.
func (f *frozen) arrive() {
	close(f.letGo)
	<-f.done
}

// goOn lets the stopped process go on, and waits until it has come to the end of what it was at, alive.
func (f *frozen) goOn() {
	f.s.t.Helper()
	if err := syscall.Kill(f.pid, syscall.SIGCONT); err != nil {
		f.s.t.Fatalf("the process that was stopped at %s is gone: %v", f.at, err)
	}
	eventually(f.s.t, decideWithin, func() error {
		now, err := f.s.Function(f.s.t.Context(), f.function)
		if err != nil {
			return err
		}
		p, lives := stillThere(now, f.pid)
		if !lives {
			f.s.t.Fatalf("process %d was killed after it was stopped at %s, and did not go on: %+v", f.pid, f.at, now)
		}
		if p.State != "idle" {
			return fmt.Errorf("process %+v", p)
		}
		return nil
	})
}

// writesRow matches what writes a row of the table that has this text and status.
func writesRow(table, text string, status contracts.Status) func(faultproxy.Call) bool {
	return func(c faultproxy.Call) bool {
		return (c.Operation == "PutItem" || c.Operation == "TransactWriteItems") && c.Mentions(table) && c.Mentions(text) &&
			c.Mentions(fmt.Sprintf(`"status":{"S":%q}`, status))
	}
}
