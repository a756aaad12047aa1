// Package process starts and stops the servers of a local stack. They outlive the command that started them. A process is
// identified by its id and its start time, so that an id that belongs to another process after a crash or a reboot is never
// signalled.
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
	// LogPath is the file to which both outputs are appended.
	LogPath string
}

// Record is what is stored about a started process.
type Record struct {
	Name string `json:"name"`
	PID  int    `json:"pid"`
	// Started distinguishes processes with the same id; see identity.
	Started string   `json:"started"`
	Command []string `json:"command"`
	LogPath string   `json:"logPath"`
	// Fingerprint belongs to the caller: it tells what the process was started with, to see whether that has changed.
	Fingerprint string `json:"fingerprint,omitempty"`
}

// Running is a process that this command has started.
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
	// The start time is read before Wait: until then a process that has already ended still exists as a zombie.
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

// Ended receives the result of the process when it has ended.
func (r *Running) Ended() <-chan error { return r.exited }

// Alive reports whether this process still runs. A zombie does not.
func (r Record) Alive() bool {
	started, zombie, err := identity(r.PID)
	return err == nil && !zombie && started == r.Started
}

// killWait bounds how long a killed process may take to end.
const killWait = 10 * time.Second

// Stop sends SIGTERM, waits at most grace, and then kills the process with its whole process group. It does nothing if the
// process has ended, even if its id now belongs to another process. It returns when the process has ended.
func (r Record) Stop(ctx context.Context, grace time.Duration) error {
	// The handle pins the process on Linux (pidfd), so that its id cannot get another process between the check and the signal.
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
	// The end of a killed process is awaited even if ctx has ended: its ports are needed again.
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

// Save writes the record to a file that Read reads.
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
