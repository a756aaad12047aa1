package gate

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"boxoffice/contracts/ticketcode"
)

// An entry that was written and could not be made to survive a loss of power admitted nobody, so it is not in the file after a restart.
func TestAnEntryThatFailedDoesNotCountAfterARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "entries.jsonl")
	e, _, err := Open(path, "north")
	if err != nil {
		t.Fatal(err)
	}
	first, second := Entry{Code: ticketcode.Code{1}, At: 1, Gate: "north", Seat: "A-1"}, Entry{Code: ticketcode.Code{2}, At: 2, Gate: "north", Seat: "A-2"}
	if err := e.Add(first); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	failed := errors.New("the disk")
	e.sync = func() error { return failed }
	if err := e.Add(second); !errors.Is(err, failed) {
		t.Fatalf("stored: %v", err)
	}
	e.sync = e.file.Sync
	if err := e.Add(second); !errors.Is(err, failed) {
		t.Errorf("a gate goes on after a failure: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file has %s, want %s, %v", after, before, err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	again, torn, err := Open(path, "north")
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close() //nolint:errcheck // a test
	if _, found := again.Find(second.Code); found || torn != 0 || again.Len() != 1 {
		t.Errorf("%d entries, %d bytes torn", again.Len(), torn)
	}
}
