//go:build !linux

package runtimeapi

import "syscall"

const terminateSignal = syscall.SIGTERM

// processAttributes has no death with the host here: a host that is killed leaves its processes behind.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
