//go:build !linux

package cpushare

import "time"

func supported() error { return ErrUnsupported }

func cpuTime(int) (time.Duration, error) { return 0, ErrUnsupported }

func signalStop(int) error { return ErrUnsupported }

func signalContinue(int) error { return ErrUnsupported }
