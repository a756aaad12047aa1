package echofn

import (
	"time"

	"golang.org/x/sys/unix"
)

// burn uses so much of a processor, however long that takes.
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
