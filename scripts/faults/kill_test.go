package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"boxoffice/contracts/message"
	"boxoffice/scripts/internal/faultproxy"
)

// kill is a SIGKILL of the process of a function that makes a certain call for an order: before the call has its effect, or after
// it, with the response lost. It happens once.
type kill struct {
	function, service, operation string
	after                        bool
}

func before(function, service, operation string) kill {
	return kill{function, service, operation, false}
}
func after(function, service, operation string) kill { return kill{function, service, operation, true} }

func (k kill) String() string {
	when := "before"
	if k.after {
		when = "after"
	}
	return fmt.Sprintf("kill of %s %s its %s (%s)", k.function, when, k.operation, k.service)
}

// matches reports whether the kill applies to such calls. For Redis, "script" stands for any script.
func (k kill) matches(service, operation string) bool {
	return k.service == service && (k.operation == operation || service == "redis" && strings.HasPrefix(operation, k.operation+" "))
}

// killer carries out kills. It intercepts the calls to the stack's services and is safe for concurrent use.
type killer struct {
	s *stack

	mu sync.Mutex
	// aimed are the kills to come, by a text that their calls mention: the order's id, or its buyer while the id is unknown.
	aimed map[string][]kill
	// killed counts the kills that happened, by function; dying are processes that are being killed.
	killed map[string]int
	dying  map[int]bool
}

// newKiller installs a killer in front of the services that the stack's settings name.
func newKiller(s *stack) *killer {
	k := &killer{s: s, aimed: map[string][]kill{}, killed: map[string]int{}, dying: map[int]bool{}}
	for service, calls := range s.calls {
		calls.Hook(func(c faultproxy.Call, forward func()) bool {
			if s.lateEnd(c) {
				return false
			}
			k.learn(c)
			return k.pass(service, c.Operation, c.Mentions, c.From, c.To, forward)
		})
	}
	if s.commands != nil {
		var scripts scriptNames
		s.commands.Hook(func(c faultproxy.Command, forward func()) bool {
			return k.pass("redis", scripts.operation(c.Sent), c.Mentions, c.From, c.To, forward)
		})
		// After this functions send the texts of scripts again, which identify them.
		if err := s.Redis.ScriptFlush(s.t.Context()).Err(); err != nil {
			s.t.Fatal(err)
		}
	}
	return k
}

// lateEnd reports whether a call is reconcile's ExpireHold to orders.fifo, which it sends when the end of a hold is 15 s late.
// This happens when a kill was between row and send and the minute's run comes just then. The killer drops it: otherwise reserve
// would take the steps at which kills of expire are aimed, and a neighbouring message would meet a third kill. reconcile sends it
// again with the next run.
func (s *stack) lateEnd(c faultproxy.Call) bool {
	return strings.HasPrefix(c.Operation, "SendMessage") && c.Mentions(s.Queue("orders")) && c.Mentions(string(message.KindExpireHold))
}

// script returns the operation of a command for Redis: each step that concerns an order is one call of a script.
func script(sent []byte) string {
	if bytes.Contains(bytes.ToLower(sent[:min(len(sent), 32)]), []byte("\r\neval")) {
		return "script"
	}
	return ""
}

// aim adds kills at calls that mention an order, or a buyer whose next order is meant.
func (k *killer) aim(mentioned string, kills ...kill) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.aimed[mentioned] = append(k.aimed[mentioned], kills...)
}

// checkHappened returns an error while kills at calls that mention one of these texts have not happened.
func (k *killer) checkHappened(mentioned ...string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, m := range mentioned {
		if left := k.aimed[m]; len(left) > 0 {
			return fmt.Errorf("%s: no such call yet: %v", m, left)
		}
	}
	return nil
}

// kills returns how many kills of a function happened, and all kills that are still to come.
func (k *killer) kills(function string) (n int, left map[string][]kill) {
	k.mu.Lock()
	defer k.mu.Unlock()
	left = maps.Clone(k.aimed)
	maps.DeleteFunc(left, func(_ string, kills []kill) bool { return len(kills) == 0 })
	return k.killed[function], left
}

// learn reads the id of a buyer's order when the producer enqueues it, before any function can handle it.
func (k *killer) learn(c faultproxy.Call) {
	if c.Operation != "SendMessage" {
		return
	}
	var sent struct {
		MessageAttributes map[string]struct{ StringValue string }
	}
	if err := json.Unmarshal(c.Body, &sent); err != nil {
		k.s.t.Errorf("SendMessage: %v", err)
		return
	}
	user := sent.MessageAttributes[message.AttributeUser].StringValue
	id := sent.MessageAttributes[message.AttributeOrder].StringValue
	k.mu.Lock()
	defer k.mu.Unlock()
	if kills, meant := k.aimed[user]; meant && id != "" {
		delete(k.aimed, user)
		k.aimed[id] = append(k.aimed[id], kills...)
	}
}

// pass forwards a call, unless a kill applies to it.
func (k *killer) pass(service, operation string, mentions func(string) bool, from, to string, forward func()) (answer bool) {
	id, due, pid, lost := k.takeKill(service, operation, mentions, from, to)
	if id == "" {
		return !lost
	}
	if due.after {
		forward()
	}
	if err := killAndWait(pid); err != nil {
		k.s.t.Errorf("%s of order %s: %v", due, id, err)
	}
	// The process id may soon be used again: threads have ids from the same range.
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.dying, pid)
	return false
}

// takeKill removes and returns the kill that applies to a call, with the process that makes it; id is "" if there is none. A call
// of a process that another order's kill is killing is dropped (lost), as if it had never been sent: if it were forwarded, it
// would have its effect, and this kill would never find its call. The same holds for a call whose process is already dead.
func (k *killer) takeKill(service, operation string, mentions func(string) bool, from, to string) (id string, due kill, pid int, lost bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for mentioned, kills := range k.aimed {
		if !mentions(mentioned) {
			continue
		}
		for i, one := range kills {
			if !one.matches(service, operation) {
				continue
			}
			pid, gone, err := k.s.caller(one.function, from, to)
			switch {
			case err != nil && k.s.t.Context().Err() == nil:
				k.s.t.Errorf("%s: %v", one, err)
			case gone, k.dying[pid]:
				return "", kill{}, 0, true
			case pid != 0:
				k.dying[pid] = true
				k.aimed[mentioned] = slices.Delete(slices.Clone(kills), i, i+1)
				k.killed[one.function]++
				return mentioned, one, pid, false
			}
		}
	}
	return "", kill{}, 0, false
}

// caller returns the process of a function at the other end of a connection; 0 if it belongs to another process. gone means that
// no process has the other end any more: the caller has died meanwhile.
func (s *stack) caller(function, from, to string) (pid int, gone bool, err error) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		socket, err := socketOf(from, to)
		if err != nil || socket == "" {
			return 0, err == nil, err
		}
		// The caller may be in waitEnded, when the test's own context has ended.
		f, err := s.Function(context.WithoutCancel(s.t.Context()), function)
		if err != nil {
			return 0, false, err
		}
		for _, p := range f.Processes {
			if hasSocket(p.PID, socket) {
				return p.PID, false, nil
			}
		}
		other, err := anyHasSocket(socket)
		if err != nil || other {
			return 0, false, err
		}
		// Its process is just ending: the kernel drops its list of files before it closes them.
		<-tick.C
	}
}

var errStillThere = errors.New("the process is still alive 5 s after SIGKILL")

// killAndWait kills a process and returns when it has ended, so that it receives nothing any more.
func killAndWait(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill process %d: %w", pid, err)
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 5000 {
		// The host reaps it at once.
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return nil
		}
		<-tick.C
	}
	return fmt.Errorf("process %d: %w", pid, errStillThere)
}
