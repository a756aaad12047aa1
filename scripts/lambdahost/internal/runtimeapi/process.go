package runtimeapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"boxoffice/contracts/telemetry"
	"boxoffice/scripts/internal/cpushare"
)

// slot is the place of one process. A process that ends is replaced in its slot.
type slot struct {
	function *function
	number   int
	stop     chan struct{}
	stopOnce sync.Once

	// Guarded by the function's lock.
	process     *process
	everReady   bool
	restarts    int
	invocations int
	lastExit    string
}

// process is one run of a bootstrap. The function's lock guards its fields, except id, slot and command.
type process struct {
	id      string
	slot    *slot
	command *exec.Cmd

	// started is closed when command has started; ended is true after it has exited.
	started chan struct{}
	ended   bool
	// next receives the call for the process's pending request for work; it has room for one.
	next      chan *call
	waiting   bool
	call      *call
	deadline  time.Time
	timer     *time.Timer
	gotWork   bool
	timedOut  bool
	initError string
}

// work gives the process a call and starts its deadline. The function's lock must be held.
func (p *process) work(c *call, deadline time.Time, f *function) {
	p.call, p.deadline, p.gotWork, p.waiting = c, deadline, true, false
	p.timer = time.AfterFunc(f.Timeout, func() { f.expire(p, c) })
	p.next <- c
}

// expire kills a process that still has the call when its timeout expires. It does so even if the response was sent but the
// process has not asked for more work: Lambda counts the time until then.
func (f *function) expire(p *process, c *call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.call != c {
		return
	}
	p.timedOut = true
	f.counts.timeouts++
	message := fmt.Sprintf("%s Task timed out after %.2f seconds", c.id, f.Timeout.Seconds())
	if c.complete(nil, newFunctionError(TypeTimeout, message)) {
		f.counts.errors++
	}
	p.kill()
}

func (p *process) kill() {
	// The only expected failure is that the process has already ended.
	if err := p.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return
	}
}

func newFunctionError(kind, message string) *FunctionError {
	payload, err := json.Marshal(map[string]string{"errorType": kind, "errorMessage": message})
	if err != nil {
		payload = []byte(`{}`)
	}
	return &FunctionError{Type: kind, Message: message, Payload: payload}
}

// supervise keeps one process of the slot running until the slot is stopped. A process that got some work is replaced at once, as
// on Lambda; one that ended before that is started again after a growing pause.
func (h *Host) supervise(f *function, s *slot) {
	delay := h.options.RestartDelay
	for first := true; ; first = false {
		if !first {
			f.mu.Lock()
			s.restarts++
			f.mu.Unlock()
		}
		pause := time.Duration(0)
		if h.runOnce(f, s) {
			delay = h.options.RestartDelay
		} else {
			pause, delay = delay, min(2*delay, h.options.MaxRestartDelay)
		}
		if s.stoppedWithin(pause) {
			return
		}
	}
}

// stoppedWithin waits for pause, and reports whether the slot was stopped by then.
func (s *slot) stoppedWithin(pause time.Duration) bool {
	select {
	case <-s.stop:
		return true
	case <-time.After(pause):
	}
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// runOnce starts one process and waits for its end. It reports whether the process got work.
func (h *Host) runOnce(f *function, s *slot) (gotWork bool) {
	log := h.options.Logger.With(telemetry.KeyFunction, f.Name)
	p := h.newProcess(f, s)
	defer h.removeProcess(p)
	lines := &lineWriter{to: f.output}
	p.command.Stdout, p.command.Stderr = lines, lines
	if err := h.start.start(p.command); err != nil {
		log.Error("a function process could not be started", telemetry.KeyError, err.Error())
		f.mu.Lock()
		s.lastExit = err.Error()
		f.mu.Unlock()
		return false
	}
	f.mu.Lock()
	s.process = p
	f.mu.Unlock()
	close(p.started)
	ended := make(chan struct{})
	watcher := make(chan struct{})
	go func() {
		defer close(watcher)
		select {
		case <-ended:
		case <-s.stop:
			p.terminate(h.options.StopDelay, ended)
		}
	}()
	unlimited := h.limit(f, p)
	err := p.command.Wait()
	unlimited()
	close(ended)
	<-watcher
	lines.flush()
	return h.processEnded(f, p, err)
}

// limit bounds a process to its share of a processor, if CPUShare is set. The caller must call end after the process has ended.
func (h *Host) limit(f *function, p *process) (end func()) {
	if !h.options.CPUShare {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var limiting sync.WaitGroup
	limiting.Go(func() {
		if err := cpushare.Limit(ctx, p.command.Process.Pid, cpushare.Of(f.MemoryMegabytes)); err != nil {
			h.options.Logger.Error("a process runs without its processor limit", telemetry.KeyFunction, f.Name, telemetry.KeyError, err.Error())
		}
	})
	return func() { cancel(); limiting.Wait() }
}

// processEnded fails the process's call, if any. It logs every end of a process outside a stop.
func (h *Host) processEnded(f *function, p *process, waitErr error) (gotWork bool) {
	how := "exit status 0"
	if waitErr != nil {
		how = waitErr.Error()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forget(p)
	if c := p.call; c != nil {
		message := fmt.Sprintf("RequestId: %s Error: Runtime exited with error: %s", c.id, how)
		if c.complete(nil, newFunctionError(TypeExit, message)) {
			f.counts.errors++
		}
		f.release(p)
	}
	p.ended = true
	p.slot.process, p.slot.lastExit = nil, how
	close(p.next)
	log := h.options.Logger.With(telemetry.KeyFunction, f.Name)
	switch {
	case h.isStopping():
	case p.timedOut:
		log.Warn("a function process was killed at its timeout", telemetry.KeyDuration, telemetry.Milliseconds(f.Timeout))
	default:
		f.counts.crashes++
		log.Error("a function process ended by itself", telemetry.KeyError, how, telemetry.KeyReason, p.initError)
	}
	return p.gotWork
}

// terminate asks the process to end, and kills it after delay. It returns when ended is closed.
func (p *process) terminate(delay time.Duration, ended <-chan struct{}) {
	if err := p.command.Process.Signal(terminateSignal); err != nil {
		p.kill()
	}
	select {
	case <-ended:
		return
	case <-time.After(delay):
		p.kill()
	}
	<-ended
}

// stopProcesses tells the supervisors of all slots to stop their processes.
func (f *function) stopProcesses() {
	for _, s := range f.slots {
		s.stopOnce.Do(func() { close(s.stop) })
	}
}

func (h *Host) newProcess(f *function, s *slot) *process {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.serial++
	p := &process{
		// The serial number prevents that a late request of a killed process is attributed to its successor.
		id:   fmt.Sprintf("%s-%d-%d", f.Name, s.number, h.serial),
		slot: s, next: make(chan *call, 1), started: make(chan struct{}),
	}
	directory, err := filepath.Abs(f.Directory)
	if err != nil {
		directory = f.Directory
	}
	p.command = exec.Command(filepath.Join(directory, "bootstrap")) //nolint:gosec // running it is the purpose
	p.command.Dir = directory
	p.command.Env = h.environment(f, p, directory)
	p.command.SysProcAttr = processAttributes()
	// A grandchild that keeps standard output open must not delay the replacement of the process.
	p.command.WaitDelay = time.Second
	h.processes[p.id] = p
	return p
}

func (h *Host) removeProcess(p *process) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.processes, p.id)
}

func (h *Host) environment(f *function, p *process, directory string) []string {
	env := append([]string(nil), h.options.Environment...)
	if h.options.EnvironmentOf != nil {
		env = append(env, h.options.EnvironmentOf(p.id)...)
	}
	for name, value := range f.Environment {
		env = append(env, name+"="+value)
	}
	return append(env,
		"AWS_LAMBDA_RUNTIME_API="+h.address+"/"+p.id,
		"AWS_LAMBDA_FUNCTION_NAME="+f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		fmt.Sprintf("AWS_LAMBDA_FUNCTION_MEMORY_SIZE=%d", f.MemoryMegabytes),
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/"+f.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME="+p.id,
		"AWS_EXECUTION_ENV=AWS_Lambda_provided.al2023",
		"LAMBDA_TASK_ROOT="+directory,
		"_HANDLER=bootstrap",
		"TZ=:UTC",
	)
}
