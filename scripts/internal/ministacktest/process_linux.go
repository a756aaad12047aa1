package ministacktest

import "syscall"

// processAttributes makes the kernel end the emulator with the test binary, also when that panics or is killed.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
