package filelock_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"boxoffice/scripts/internal/filelock"
)

func TestLockWaitsForTheOtherToUnlock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder", "a.lock")
	unlock, err := filelock.Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	locked := make(chan error, 1)
	go func() {
		again, err := filelock.Lock(path)
		if err == nil {
			err = again()
		}
		locked <- err
	}()
	select {
	case err := <-locked:
		t.Fatalf("locked twice, %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-locked:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("not locked after unlock")
	}
}

// A file has one lock, whatever the name by which it was opened.
func TestTryLockFileSeesThroughLinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	first, err := os.Create(path) //nolint:gosec // G304: the test's own file
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(filelock.TryLockFile(first), os.Link(path, path+"-link")); err != nil {
		t.Fatal(err)
	}
	second, err := os.Open(path + "-link")
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close() //nolint:errcheck // only read
	if err := filelock.TryLockFile(second); !errors.Is(err, filelock.ErrLocked) {
		t.Errorf("locked twice: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := filelock.TryLockFile(second); err != nil {
		t.Errorf("not unlocked by closing: %v", err)
	}
}
