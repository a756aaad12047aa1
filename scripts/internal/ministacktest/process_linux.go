package ministacktest

import "syscall"

// processAttributes makes the kernel kill the emulator when the test binary ends, even if it panics or is killed.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
