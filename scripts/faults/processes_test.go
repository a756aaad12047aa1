package faults

import (
	"errors"
	"fmt"
	"syscall"

	"boxoffice/scripts/internal/testbed"
)

// signalBusy sends a signal to the processes of a function that are at work, and answers which: the host tells whom it has
// given something to do. There must be one at least.
func (s *stack) signalBusy(function string, signal syscall.Signal) (pids []int, err error) {
	f, err := s.Function(s.t.Context(), function)
	if err != nil {
		return nil, err
	}
	for _, p := range f.Processes {
		if p.State == "busy" && p.PID > 0 {
			// One that has ended meanwhile is not signalled, and its number is not given out again so soon.
			if err := syscall.Kill(p.PID, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
				return pids, fmt.Errorf("%s to process %d of %s: %w", signal, p.PID, function, err)
			}
			pids = append(pids, p.PID)
		}
	}
	if len(pids) == 0 {
		return nil, fmt.Errorf("no process of %s is at work: %+v", function, f.Processes)
	}
	return pids, nil
}

// stillThere is the process with this number, if its function still has it.
func stillThere(f testbed.Function, pid int) (testbed.Process, bool) {
	for _, p := range f.Processes {
		if p.PID == pid {
			return p, true
		}
	}
	return testbed.Process{}, false
}
