package runtimeapi

import "syscall"

const terminateSignal = syscall.SIGTERM

// processAttributes gives the process a group of its own, so that Ctrl-C in a terminal reaches only the host, which drains first.
// The process dies with the host, however the host ends.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
