package cpushare

import (
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func supported() error { return nil }

// cpuTime returns the CPU time of all threads of a process, in user and kernel mode, in nanoseconds. It reads the process's CPU
// clock, whose id it derives from the process id as clock_getcpuclockid(3) does.
func cpuTime(pid int) (time.Duration, error) {
	const schedulerClock = 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|schedulerClock), &t); err != nil { //nolint:gosec // process ids have 22 bits
		return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

func signalStop(pid int) error { return syscall.Kill(pid, syscall.SIGSTOP) }

func signalContinue(pid int) error { return syscall.Kill(pid, syscall.SIGCONT) }
