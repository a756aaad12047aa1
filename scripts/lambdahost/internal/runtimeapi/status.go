package runtimeapi

import (
	"fmt"
	"slices"
)

// FunctionStatus is a snapshot of one function.
type FunctionStatus struct {
	Name string `json:"name"`
	// All counts are since the start of the host. Errors are of any kind, including timeouts and crashes during an invocation.
	// Crashes are processes that ended by themselves. Throttles are calls above the reserved concurrency; they are not
	// Invocations.
	Invocations int             `json:"invocations"`
	Errors      int             `json:"errors"`
	Timeouts    int             `json:"timeouts"`
	Crashes     int             `json:"crashes"`
	Throttles   int             `json:"throttles"`
	InFlight    int             `json:"inFlight"`
	Waiting     int             `json:"waiting"`
	Processes   []ProcessStatus `json:"processes"`
}

// ProcessStatus is a snapshot of one process. State is starting, idle, busy or restarting; PID is 0 while restarting.
type ProcessStatus struct {
	PID         int    `json:"pid"`
	State       string `json:"state"`
	Restarts    int    `json:"restarts"`
	Invocations int    `json:"invocations"`
	LastExit    string `json:"lastExit,omitempty"`
}

// Status returns all functions in the order in which Start got them.
func (h *Host) Status() []FunctionStatus {
	all := make([]FunctionStatus, 0, len(h.order))
	for _, name := range h.order {
		all = append(all, h.functions[name].status())
	}
	return all
}

func (f *function) status() FunctionStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := FunctionStatus{
		Name: f.Name, Invocations: f.counts.invocations, Errors: f.counts.errors, Timeouts: f.counts.timeouts,
		Crashes: f.counts.crashes, Throttles: f.counts.throttles, InFlight: f.busy, Waiting: f.waiting.Len(),
	}
	for _, slot := range f.slots {
		one := ProcessStatus{State: "restarting", Restarts: slot.restarts, Invocations: slot.invocations, LastExit: slot.lastExit}
		if p := slot.process; p != nil {
			one.PID = p.command.Process.Pid
			switch {
			case p.call != nil:
				one.State = "busy"
			case slices.Contains(f.idle, p):
				one.State = "idle"
			default:
				one.State = "starting"
			}
		}
		s.Processes = append(s.Processes, one)
	}
	return s
}

// Missing names the processes that have never asked for an invocation. The host is ready when there are none.
func (h *Host) Missing() []string {
	var missing []string
	for _, name := range h.order {
		f := h.functions[name]
		f.mu.Lock()
		for _, slot := range f.slots {
			if !slot.everReady {
				missing = append(missing, fmt.Sprintf("process %d of function %s", slot.number, name))
			}
		}
		f.mu.Unlock()
	}
	return missing
}
