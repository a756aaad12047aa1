package faults

import (
	"errors"
	"fmt"
	"syscall"

	"boxoffice/scripts/internal/testbed"
)

// signalBusy sends a signal to the busy processes of a function, as the host reports them, and returns their ids. There must be
// at least one.
func (s *stack) signalBusy(function string, signal syscall.Signal) (pids []int, err error) {
	f, err := s.Function(s.t.Context(), function)
	if err != nil {
		return nil, err
	}
	for _, p := range f.Processes {
		if p.State == "busy" && p.PID > 0 {
			// A process that has ended in the meantime gets no signal: its id is not reused so soon.
			if err := syscall.Kill(p.PID, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
				return pids, fmt.Errorf("%s to process %d of %s: %w", signal, p.PID, function, err)
			}
			pids = append(pids, p.PID)
		}
	}
	if len(pids) == 0 {
		return nil, fmt.Errorf("no process of %s is busy: %+v", function, f.Processes)
	}
	return pids, nil
}

// processByPID returns the function's process with this id, if it still exists.
func processByPID(f testbed.Function, pid int) (testbed.Process, bool) {
	for _, p := range f.Processes {
		if p.PID == pid {
			return p, true
		}
	}
	return testbed.Process{}, false
}
