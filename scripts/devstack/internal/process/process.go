// Package process starts the servers of a local stack so that they outlive the command that started them, and stops
// them again. A process is known by its id together with the instant it started, so that after a crash or a reboot an
// id that now belongs to something else is never signalled.
package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Spec is what to start.
type Spec struct {
	Name string
	Path string
	Args []string
	// Env is the whole environment of the process; nothing is inherited.
	Env []string
	Dir string
	// LogPath is appended to with both outputs.
	LogPath string
}

// Record is what is remembered of a started process.
type Record struct {
	Name string `json:"name"`
	PID  int    `json:"pid"`
	// Started tells two processes with one id apart; see identity.
	Started string   `json:"started"`
	Command []string `json:"command"`
	LogPath string   `json:"logPath"`
	// Fingerprint is the caller's: what the process was started with, to see whether that has changed since.
	Fingerprint string `json:"fingerprint,omitempty"`
}

// Running is a process started by this very command.
type Running struct {
	Record
	exited chan error
}

// Start starts the process in a session of its own, with no terminal, and leaves it running.
func Start(spec Spec) (*Running, error) {
	if err := os.MkdirAll(filepath.Dir(spec.LogPath), 0o750); err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	log, err := os.OpenFile(spec.LogPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	command := exec.Command(spec.Path, spec.Args...) //nolint:gosec // the stack's own programs
	command.Env, command.Dir = spec.Env, spec.Dir
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = command.Start()
	// The process has its own copy of the log's descriptor.
	if closeErr := log.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	// Its start time is read before anybody collects it: one that has ended already is still there until then.
	r := &Running{exited: make(chan error, 1)}
	started, _, err := identity(command.Process.Pid)
	go func() { r.exited <- command.Wait() }()
	if err != nil {
		return nil, fmt.Errorf("start %s: it ended at once: %w", spec.Name, err)
	}
	r.Record = Record{
		Name: spec.Name, PID: command.Process.Pid, Started: started,
		Command: append([]string{spec.Path}, spec.Args...), LogPath: spec.LogPath,
	}
	return r, nil
}

// Ended is readable once the process has ended, with how it did.
func (r *Running) Ended() <-chan error { return r.exited }

// Alive says whether this very process still runs. A zombie does not: it only waits to be collected.
func (r Record) Alive() bool {
	started, zombie, err := identity(r.PID)
	return err == nil && !zombie && started == r.Started
}

// killWait bounds how long a killed process may take to go.
const killWait = 10 * time.Second

// Stop asks the process to end, waits for at most grace, then kills it with everything in its session. A process that
// has ended, or an id that belongs to another one, is left alone. It returns once the process is gone.
func (r Record) Stop(ctx context.Context, grace time.Duration) error {
	// The handle pins the process on Linux (pidfd), so that the id cannot change hands between the look and the signal.
	handle, err := os.FindProcess(r.PID)
	if err != nil {
		return fmt.Errorf("stop %s: %w", r.Name, err)
	}
	defer handle.Release() //nolint:errcheck // nothing can be done about it
	if !r.Alive() {
		return nil
	}
	if err := handle.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", r.Name, err)
	}
	if r.awaitEnd(ctx, grace) {
		return nil
	}
	if !r.Alive() {
		return nil
	}
	if err := syscall.Kill(-r.PID, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill %s: %w", r.Name, err)
	}
	// A kill that is under way is waited for even when the caller is in a hurry: its ports are needed again.
	if !r.awaitEnd(context.WithoutCancel(ctx), killWait) {
		return fmt.Errorf("kill %s: process %d is still there after %s", r.Name, r.PID, killWait)
	}
	return nil
}

const pollEvery = 20 * time.Millisecond

func (r Record) awaitEnd(ctx context.Context, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for r.Alive() {
		select {
		case <-ctx.Done():
			return !r.Alive()
		case <-poll.C:
		}
	}
	return true
}

// Save writes the record to a file that Read takes.
func (r Record) Save(path string) error {
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("record of %s: %w", r.Name, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("record of %s: %w", r.Name, err)
	}
	if err := os.WriteFile(path, append(content, '\n'), 0o600); err != nil {
		return fmt.Errorf("record of %s: %w", r.Name, err)
	}
	return nil
}

// Read reads a record. found is false when there is none.
func Read(path string) (r Record, found bool, err error) {
	content, err := os.ReadFile(path) //nolint:gosec // a file of the stack's own folder
	if errors.Is(err, os.ErrNotExist) {
		return Record{}, false, nil
	}
	if err != nil {
		return Record{}, false, fmt.Errorf("process record: %w", err)
	}
	if err := json.Unmarshal(content, &r); err != nil {
		return Record{}, false, fmt.Errorf("process record %s: %w", path, err)
	}
	return r, true, nil
}
