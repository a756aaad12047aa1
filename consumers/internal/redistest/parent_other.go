//go:build !linux

package redistest

import "syscall"

// dieWithParent has no counterpart here: the server of a killed test binary stays until somebody ends it.
func dieWithParent() *syscall.SysProcAttr { return nil }
