package childtest

import "syscall"

// dieWithParent kills the child with its parent: a test binary that is killed or times out does not clean up.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
