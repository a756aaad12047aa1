//go:build !linux

package echofn

import (
	"errors"
	"time"
)

func burn(time.Duration) error { return errors.ErrUnsupported }
