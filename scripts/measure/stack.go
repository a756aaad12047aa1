package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"

	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

type group = apiclient.Group

// stack is the running stack that is measured. Orders are for the arena.
type stack struct {
	*testbed.Bed
	layout apiclient.Layout
	// servers are the processes that are not functions.
	servers []server
}

type server struct {
	Name string `json:"name"`
	PID  int    `json:"pid"`
}

// lambdahost is devstack's name for the process that takes the place of Lambda and API Gateway.
const lambdahost = "lambdahost"

func connect(ctx context.Context, bed *testbed.Bed, o options) (*stack, error) {
	bed.HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: o.Clients + 8}}
	s := &stack{Bed: bed}
	status, err := exec.CommandContext(ctx, o.Devstack, "status", "--json", "--stack", o.Stack).Output() //nolint:gosec // the caller's own program
	if err != nil {
		return nil, fmt.Errorf("processes of stack %s: %w", o.Stack, err)
	}
	var known struct{ Processes []server }
	if err := json.Unmarshal(status, &known); err != nil {
		return nil, fmt.Errorf("processes of stack %s: %w", o.Stack, err)
	}
	s.servers = known.Processes
	s.layout, err = s.Layout(ctx, s.Arena)
	return s, err
}

// awaitLoaded waits until every seat group takes orders.
func (s *stack) awaitLoaded(ctx context.Context) error {
	anyone, err := s.Buyer("")
	if err != nil {
		return err
	}
	return await(ctx, 2*time.Minute, func() (bool, string, error) {
		var now apiclient.Availability
		if err := anyone.Get(ctx, "/concerts/"+s.Arena+"/availability", &now); err != nil {
			return false, "", err
		}
		for _, g := range now.Groups {
			if g.State != "ready" {
				return false, fmt.Sprintf("group %s is %s", g.Group, g.State), nil
			}
		}
		return true, "", nil
	})
}

const pollEvery = 50 * time.Millisecond

// await polls a condition until it holds. why says what is missing.
func await(ctx context.Context, within time.Duration, condition func() (holds bool, why string, err error)) error {
	limit := time.NewTimer(within)
	defer limit.Stop()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		holds, why, err := condition()
		if holds || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", why, context.Cause(ctx))
		case <-limit.C:
			return fmt.Errorf("not within %s: %s", within, why)
		case <-poll.C:
		}
	}
}

// hostStatus is the part of lambdahost's status that is used here.
type hostStatus struct {
	Functions []struct {
		Name      string
		InFlight  int
		Waiting   int
		Errors    int
		Processes []struct{ PID int }
	}
	Sources []sourceStatus
}

type sourceStatus struct {
	Kind, Function                              string
	Batches, Messages, MessageFailures, Records int
}

func (s *stack) hostStatus(ctx context.Context) (hostStatus, error) {
	var status hostStatus
	control := &apiclient.Client{Base: s.Control, HTTP: s.HTTP}
	return status, control.Get(ctx, "/status", &status)
}

// source returns the status of the queue or stream that a function reads.
func (h hostStatus) source(function string) sourceStatus {
	for _, s := range h.Sources {
		if s.Function == function {
			return s
		}
	}
	return sourceStatus{}
}

// errors returns the number of failed invocations.
func (h hostStatus) errors() int {
	n := 0
	for _, f := range h.Functions {
		n += f.Errors
	}
	return n
}

// busy returns the name of a function that is running, "" for none.
func (h hostStatus) busy() string {
	for _, f := range h.Functions {
		if f.InFlight+f.Waiting > 0 {
			return f.Name
		}
	}
	return ""
}

// quietSince reports whether no function is running, and if not, why. A failed invocation since the status before is an error.
func (h hostStatus) quietSince(before hostStatus) (quiet bool, why string, err error) {
	if n := h.errors() - before.errors(); n > 0 {
		return false, "", fmt.Errorf("%d invocations failed (logs: STACK_LOGS)", n)
	}
	return h.busy() == "", "function " + h.busy() + " is running", nil
}

// process is a process whose CPU time is counted.
type process struct {
	pid  int
	name string
	part part
}

// processes returns the processes of the stack, and this one.
func (s *stack) processes(ctx context.Context) ([]process, error) {
	status, err := s.hostStatus(ctx)
	if err != nil {
		return nil, err
	}
	var all []process
	for _, f := range status.Functions {
		for _, p := range f.Processes {
			all = append(all, process{p.PID, f.Name, ours})
		}
	}
	for _, p := range s.servers {
		all = append(all, process{p.PID, p.Name, standIn})
	}
	return append(all, process{os.Getpid(), "measure", load}), nil
}

// idle waits until no function is running.
func (s *stack) idle(ctx context.Context) error {
	return await(ctx, time.Minute, func() (bool, string, error) {
		status, err := s.hostStatus(ctx)
		return status.busy() == "", "function " + status.busy() + " is running", err
	})
}

// pause stops lambdahost, so that it polls nothing and no function gets work. resume continues it and may be called more than
// once. pause waits until no function is running, since the deadline of an invocation would go on.
func (s *stack) pause(ctx context.Context) (resume func() error, err error) {
	if err := s.idle(ctx); err != nil {
		return nil, err
	}
	for _, p := range s.servers {
		if p.Name == lambdahost {
			return func() error { return syscall.Kill(p.PID, syscall.SIGCONT) }, syscall.Kill(p.PID, syscall.SIGSTOP)
		}
	}
	return nil, fmt.Errorf("the stack has no %s", lambdahost)
}
