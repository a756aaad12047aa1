package cpushare

import (
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func supported() error { return nil }

// cpuTime is what all threads of a process have used, in user and kernel mode, to the nanosecond: its CPU clock, whose number is
// made of the process's as clock_getcpuclockid(3) does.
func cpuTime(pid int) (time.Duration, error) {
	const schedulerClock = 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|schedulerClock), &t); err != nil { //nolint:gosec // process numbers have 22 bits
		return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

func signalStop(pid int) error { return syscall.Kill(pid, syscall.SIGSTOP) }

func signalContinue(pid int) error { return syscall.Kill(pid, syscall.SIGCONT) }
