package childtest

import "syscall"

// dieWithParent: a test binary that was killed or timed out runs no clean-up, and must leave no server behind.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
