package runtimeapi

import "syscall"

const terminateSignal = syscall.SIGTERM

// processAttributes: a group of its own, so that Ctrl-C in a terminal reaches the host alone, which drains first; and
// death with the host, however that ends.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
