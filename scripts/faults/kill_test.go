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

// A kill is SIGKILL of the process of a function that makes a call for an order: before the call has had its effect, or
// after it, with the answer lost. It happens once.
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

// at says whether the kill is aimed at such calls. Of Redis "script" is any script.
func (k kill) at(service, operation string) bool {
	return k.service == service && (k.operation == operation || service == "redis" && strings.HasPrefix(operation, k.operation+" "))
}

// killer kills where it is aimed. It stands before every service of the stack and is safe for concurrent use.
type killer struct {
	s *stack

	mu sync.Mutex
	// aimed are the kills to come, by what their calls mention: the order's id, or its buyer while nobody knows the id.
	aimed map[string][]kill
	// killed counts those that happened, by function; dying are processes on which one is at work.
	killed map[string]int
	dying  map[int]bool
}

// newKiller puts a killer before the services that the stack's settings name.
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
		// Functions send the texts again, by which scripts are known.
		if err := s.Redis.ScriptFlush(s.t.Context()).Err(); err != nil {
			s.t.Fatal(err)
		}
	}
	return k
}

// lateEnd says whether a call is reconcile's word that a hold has ended, which it gives to orders.fifo when the end is 15 s
// late, as it is when a kill was between row and send and the minute's run is just then. By that way it would be reserve that
// takes the steps at which kills of expire are aimed, and a message beside it would meet a third kill. It gives it again with
// the next run.
func (s *stack) lateEnd(c faultproxy.Call) bool {
	return strings.HasPrefix(c.Operation, "SendMessage") && c.Mentions(s.Queue("orders")) && c.Mentions(string(message.KindExpireHold))
}

// script is the operation of what is sent to Redis: each step that concerns an order is one call of a script.
func script(sent []byte) string {
	if bytes.Contains(bytes.ToLower(sent[:min(len(sent), 32)]), []byte("\r\neval")) {
		return "script"
	}
	return ""
}

// aim takes kills at calls that mention an order, or a buyer whose next order is meant.
func (k *killer) aim(mentioned string, kills ...kill) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.aimed[mentioned] = append(k.aimed[mentioned], kills...)
}

// spent says which kills at calls that mention these have not happened yet, as an error.
func (k *killer) spent(mentioned ...string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, m := range mentioned {
		if left := k.aimed[m]; len(left) > 0 {
			return fmt.Errorf("%s: its call has not come: %v", m, left)
		}
	}
	return nil
}

// happened is how many kills of a function there were; left are those that are aimed at anything still.
func (k *killer) happened(function string) (n int, left map[string][]kill) {
	k.mu.Lock()
	defer k.mu.Unlock()
	left = maps.Clone(k.aimed)
	maps.DeleteFunc(left, func(_ string, kills []kill) bool { return len(kills) == 0 })
	return k.killed[function], left
}

// learn hears the id of a buyer's order as its producer enqueues it, before anybody can handle it.
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

// pass lets a call through, unless a kill is aimed at it.
func (k *killer) pass(service, operation string, mentions func(string) bool, from, to string, forward func()) (answer bool) {
	id, due, pid, lost := k.due(service, operation, mentions, from, to)
	if id == "" {
		return !lost
	}
	if due.after {
		forward()
	}
	if err := dead(pid); err != nil {
		k.s.t.Errorf("%s of order %s: %v", due, id, err)
	}
	// Its number may soon be another's: threads have numbers too.
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.dying, pid)
	return false
}

// due takes the kill that is aimed at a call, with the process that makes it. id is "" if there is none. A call of a process
// on which another order's kill is at work is lost, as if it had never left it: let through it would have its effect, and no
// later call would come that this kill could meet. So is one whose caller is dead already.
func (k *killer) due(service, operation string, mentions func(string) bool, from, to string) (id string, due kill, pid int, lost bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for mentioned, kills := range k.aimed {
		if !mentions(mentioned) {
			continue
		}
		for i, one := range kills {
			if !one.at(service, operation) {
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

// caller is the process of a function that has the other end of a connection; 0 if another process has it. gone says that no
// process has it any more: the caller has died meanwhile.
func (s *stack) caller(function, from, to string) (pid int, gone bool, err error) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		socket, err := socketOf(from, to)
		if err != nil || socket == "" {
			return 0, err == nil, err
		}
		// Also while the stack is held to its end, when the test's own context has ended.
		f, err := s.Function(context.WithoutCancel(s.t.Context()), function)
		if err != nil {
			return 0, false, err
		}
		for _, p := range f.Processes {
			if has(p.PID, socket) {
				return p.PID, false, nil
			}
		}
		held, err := held(socket)
		if err != nil || held {
			return 0, false, err
		}
		// Its process is just ending: it gives up its list of files before it closes them.
		<-tick.C
	}
}

var errStillThere = errors.New("the process is still there 5 s after SIGKILL")

// dead returns when a process is dead, so that it hears nothing any more.
func dead(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill process %d: %w", pid, err)
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 5000 {
		// The host buries it at once.
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return nil
		}
		<-tick.C
	}
	return fmt.Errorf("process %d: %w", pid, errStillThere)
}
