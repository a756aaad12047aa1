// Package filelock makes programs take turns by a locked file.
package filelock

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Lock locks a file, which it creates if needed. It waits while this process or another has the lock. unlock and the end of the
// process release it.
func Lock(path string) (unlock func() error, err error) { return lock(path, syscall.LOCK_EX) }

// ErrLocked means that this process or another has the lock.
var ErrLocked = errors.New("it is locked")

// TryLock is Lock that does not wait: it returns ErrLocked instead.
func TryLock(path string) (unlock func() error, err error) {
	return lock(path, syscall.LOCK_EX|syscall.LOCK_NB)
}

func lock(path string, how int) (unlock func() error, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the caller's own file
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := flock(file, how); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file.Close, nil
}

// TryLockFile locks an open file, by whatever name it was opened. It returns ErrLocked if it was opened another time, by this process
// or another, and locked. Closing the file releases it.
func TryLockFile(file *os.File) error { return flock(file, syscall.LOCK_EX|syscall.LOCK_NB) }

func flock(file *os.File, how int) (err error) {
	for {
		err = syscall.Flock(int(file.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrLocked
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", filepath.Base(file.Name()), err)
	}
	return nil
}
