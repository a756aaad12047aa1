package echofn

import (
	"time"

	"golang.org/x/sys/unix"
)

// burn uses that much processor time, however long it takes.
func burn(work time.Duration) error {
	var begun, now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &begun); err != nil {
		return err
	}
	for {
		if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &now); err != nil {
			return err
		}
		if time.Duration(now.Nano()-begun.Nano()) >= work {
			return nil
		}
	}
}
