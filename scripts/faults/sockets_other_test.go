//go:build !linux

package faults

import "errors"

// socketOf needs Linux, as do all tests here that need to know which process made a call.
func socketOf(_, _ string) (string, error) { return "", errors.ErrUnsupported }
