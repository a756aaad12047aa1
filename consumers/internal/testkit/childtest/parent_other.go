//go:build !linux

package childtest

import "syscall"

// dieWithParent has no equivalent here: the server of a killed test binary keeps running.
func dieWithParent() *syscall.SysProcAttr { return nil }
