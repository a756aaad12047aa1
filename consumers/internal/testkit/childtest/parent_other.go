//go:build !linux

package childtest

import "syscall"

// dieWithParent has no counterpart here: the server of a killed test binary stays until somebody ends it.
func dieWithParent() *syscall.SysProcAttr { return nil }
