// Package cpushare holds a process to a share of one processor, as Lambda holds a function to the share that follows from its
// memory. It needs no rights and no control groups: the process is stopped (SIGSTOP) when it has used up what it may use, and
// goes on (SIGCONT) when it may use some more.
package cpushare

import (
	"context"
	"errors"
	"time"
)

// megabytesPerProcessor is the memory at which Lambda gives a function one processor.
const megabytesPerProcessor = 1769

// Of gives the share of a function with so many megabytes: 0.145 for 256.
func Of(memoryMegabytes int) float64 { return float64(memoryMegabytes) / megabytesPerProcessor }

// ErrUnsupported means that this system does not tell how much a process has used.
var ErrUnsupported = errors.New("a share of a processor needs Linux")

// Supported returns nil or ErrUnsupported.
func Supported() error { return supported() }

const (
	// period is what a share is of: the process may use share × period in one go.
	period = 20 * time.Millisecond
	// lookEvery is how often a running process is looked at. It may use that much too much, for which it then stands still longer.
	lookEvery = time.Millisecond
)

// Limit holds a process, with all its threads, to a share of one processor over 0, until ctx ends or the process does. Then the
// process goes on without a limit. A share of 1 or more does not stop a process that uses one processor.
//
// Its user must be allowed to send signals to the process. Limit must have ended before the number of the process can be another
// one's, so whoever waits for the process ends ctx after that. Nobody else may stop the process meanwhile.
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
	timer := time.NewTimer(lookEvery)
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
		stop := b.spend(usedNow-used, now.Sub(at))
		used, at = usedNow, now
		if stop == 0 {
			timer.Reset(lookEvery)
			continue
		}
		if !standStill(ctx, pid, stop) {
			return nil
		}
		timer.Reset(lookEvery)
	}
}

// standStill stops a process for a while. It is false if ctx or the process has ended.
func standStill(ctx context.Context, pid int, d time.Duration) bool {
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

// budget is what a process may use. It fills by the share and holds no more than one period's worth.
type budget struct {
	share float64
	full  time.Duration
	left  time.Duration
}

func newBudget(share float64) *budget {
	full := time.Duration(share * float64(period))
	return &budget{share: share, full: full, left: full}
}

// spend takes what was used in a time off the budget. It returns how long the process has to stand still until the budget is full
// again, 0 if there is some left.
func (b *budget) spend(used, elapsed time.Duration) time.Duration {
	b.left = min(b.full, b.left-used+time.Duration(b.share*float64(elapsed)))
	if b.left > 0 {
		return 0
	}
	return time.Duration(float64(b.full-b.left) / b.share)
}
