package filelock_test

import (
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
