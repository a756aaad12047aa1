//go:build !linux

package runtimeapi

import "syscall"

const terminateSignal = syscall.SIGTERM

// processAttributes cannot tie the process to the host here: a host that is killed leaves its processes running.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
