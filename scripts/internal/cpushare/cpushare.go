// Package cpushare limits a process to a share of one processor, as Lambda limits a function by its memory. It needs no
// privileges and no control groups: it stops the process (SIGSTOP) when the process has used its share, and continues it
// (SIGCONT) later.
package cpushare

import (
	"context"
	"errors"
	"time"
)

// megabytesPerProcessor is the memory at which Lambda gives a function one processor.
const megabytesPerProcessor = 1769

// Of returns the share of a function with so many megabytes of memory: 0.145 for 256.
func Of(memoryMegabytes int) float64 { return float64(memoryMegabytes) / megabytesPerProcessor }

// ErrUnsupported means that this system does not report the CPU time of a process.
var ErrUnsupported = errors.New("a share of a processor needs Linux")

// Supported returns nil or ErrUnsupported.
func Supported() error { return supported() }

const (
	// period: the process may use share × period at once.
	period = 20 * time.Millisecond
	// checkEvery is how often the CPU time of a running process is read. It may use that much more than its share, and is then
	// stopped for longer.
	checkEvery = time.Millisecond
)

// Limit limits a process with all its threads to a share of one processor, which must be over 0. It returns when ctx or the
// process ends; in the first case the process continues without a limit. A share of 1 or more does not stop a process that uses
// one processor.
//
// The caller must be allowed to send signals to the process, must end ctx soon after the process has ended and was waited for,
// since its id can then belong to another process, and must not stop the process by other means meanwhile.
func Limit(ctx context.Context, pid int, share float64) error {
	if err := supported(); err != nil {
		return err
	}
	used, err := cpuTime(pid)
	if err != nil {
		return nil //nolint:nilerr // it has ended already
	}
	b := newBudget(share)
	at := time.Now()
	timer := time.NewTimer(checkEvery)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		now := time.Now()
		usedNow, err := cpuTime(pid)
		if err != nil {
			return nil //nolint:nilerr // it has ended
		}
		pause := b.spend(usedNow-used, now.Sub(at))
		used, at = usedNow, now
		if pause == 0 {
			timer.Reset(checkEvery)
			continue
		}
		if !stopFor(ctx, pid, pause) {
			return nil
		}
		timer.Reset(checkEvery)
	}
}

// stopFor stops a process for a time. It returns false if ctx or the process has ended.
func stopFor(ctx context.Context, pid int, d time.Duration) bool {
	if signalStop(pid) != nil {
		return false
	}
	pause := time.NewTimer(d)
	defer pause.Stop()
	ended := false
	select {
	case <-pause.C:
	case <-ctx.Done():
		ended = true
	}
	return signalContinue(pid) == nil && !ended
}

// budget is the CPU time that a process may use. It grows with time by the share, up to the share of one period.
type budget struct {
	share float64
	full  time.Duration
	left  time.Duration
}

func newBudget(share float64) *budget {
	full := time.Duration(share * float64(period))
	return &budget{share: share, full: full, left: full}
}

// spend subtracts the CPU time that was used in the elapsed time. It returns how long the process must be stopped until the
// budget is full again, 0 if there is budget left.
func (b *budget) spend(used, elapsed time.Duration) time.Duration {
	b.left = min(b.full, b.left-used+time.Duration(b.share*float64(elapsed)))
	if b.left > 0 {
		return 0
	}
	return time.Duration(float64(b.full-b.left) / b.share)
}
