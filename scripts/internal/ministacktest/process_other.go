//go:build !linux

package ministacktest

import "syscall"

func processAttributes() *syscall.SysProcAttr { return nil }
