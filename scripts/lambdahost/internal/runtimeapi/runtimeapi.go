// Package runtimeapi runs Lambda functions: it keeps a fixed number of processes of each function's bootstrap running and serves
// them the Lambda Runtime API, from which they fetch invocations and to which they send responses.
//
// AWS starts one more process when none is free; here the number is fixed, and an invocation waits for a free process, first
// come, first served.
package runtimeapi

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"boxoffice/contracts/telemetry"
)

// MaxPayload is Lambda's limit for a request and for a response, in bytes.
const MaxPayload = 6291556

// Function describes a function and how it runs.
type Function struct {
	Name string
	// Directory holds the executable "bootstrap". It is the working directory of the processes.
	Directory string
	// Processes is how many run in parallel, at least 1.
	Processes int
	// ReservedConcurrency bounds the invocations that run or wait for a process; the next one is throttled. 0 means no limit.
	ReservedConcurrency int
	// Timeout bounds one invocation, counted from when a process takes it. When it expires, the process is killed.
	Timeout         time.Duration
	MemoryMegabytes int
	// Environment is added to Options.Environment and to the variables that Lambda itself sets.
	Environment map[string]string
	// ARN is passed to the function with each invocation.
	ARN string
}

// Options of a Host. Zero values are usable except for Logger.
type Options struct {
	Logger *slog.Logger
	// Environment of every process, as NAME=value. Nothing else of the host's environment is passed on.
	Environment []string
	// EnvironmentOf returns additional variables of one process, by its id; nil means none.
	EnvironmentOf func(process string) []string
	// LogDirectory receives {function}.log with what the processes print; empty means Output.
	LogDirectory string
	// Output is used when there is no LogDirectory; nil discards.
	Output io.Writer
	// Now is the clock of deadlines; nil is time.Now.
	Now func() time.Time
	// Random is the source of request and trace ids; nil is crypto/rand.
	Random io.Reader
	// RestartDelay and MaxRestartDelay bound the growing pause before a process that ended without having received work is
	// started again. Defaults: 100 ms and 5 s.
	RestartDelay, MaxRestartDelay time.Duration
	// CPUShare bounds each process to the share of one processor that follows from its function's memory.
	CPUShare bool
	// StopDelay is the time between SIGTERM and SIGKILL at a stop; default 1 s.
	StopDelay time.Duration
}

// Host serves the Runtime API and supervises processes. It is safe for concurrent use.
type Host struct {
	options   Options
	functions map[string]*function
	order     []string
	api       *http.Server
	address   string
	start     starter
	closers   []io.Closer

	mu        sync.Mutex
	processes map[string]*process
	serial    int
	stopping  bool

	supervisors sync.WaitGroup
}

// Start opens the Runtime API on a loopback port and starts all processes. It does not wait for them: see Missing. It fails if a
// function has no executable bootstrap, and reports all such functions together.
func Start(functions []Function, options Options) (*Host, error) {
	if err := checkBootstraps(functions); err != nil {
		return nil, err
	}
	setDefaults(&options)
	host := &Host{options: options, functions: map[string]*function{}, processes: map[string]*process{}, start: newStarter()}
	for _, f := range functions {
		output, err := host.openOutput(f.Name)
		if err != nil {
			return nil, errors.Join(err, host.closeAll())
		}
		host.functions[f.Name] = newFunction(f, output)
		host.order = append(host.order, f.Name)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the Runtime API: %w", err), host.closeAll())
	}
	host.address = listener.Addr().String()
	host.api = &http.Server{Handler: host.routes(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(options.Logger.Handler(), slog.LevelWarn)}
	go func() {
		if err := host.api.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			options.Logger.Error("the Runtime API ended", telemetry.KeyError, err.Error())
		}
	}()
	for _, name := range host.order {
		f := host.functions[name]
		for _, s := range f.slots {
			host.supervisors.Go(func() { host.supervise(f, s) })
		}
	}
	return host, nil
}

func setDefaults(o *Options) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Output == nil {
		o.Output = io.Discard
	}
	if o.RestartDelay == 0 {
		o.RestartDelay = 100 * time.Millisecond
	}
	if o.MaxRestartDelay == 0 {
		o.MaxRestartDelay = 5 * time.Second
	}
	if o.StopDelay == 0 {
		o.StopDelay = time.Second
	}
}

func checkBootstraps(functions []Function) error {
	var problems []error
	for _, f := range functions {
		path := filepath.Join(f.Directory, "bootstrap")
		info, err := os.Stat(path)
		switch {
		case err != nil:
			problems = append(problems, fmt.Errorf("function %s: %w", f.Name, err))
		case info.IsDir() || info.Mode()&0o111 == 0:
			problems = append(problems, fmt.Errorf("function %s: %s is not executable", f.Name, path))
		case f.Processes < 1:
			problems = append(problems, fmt.Errorf("function %s: needs at least 1 process, has %d", f.Name, f.Processes))
		}
	}
	return errors.Join(problems...)
}

func (h *Host) openOutput(name string) (*sharedWriter, error) {
	if h.options.LogDirectory == "" {
		return &sharedWriter{w: h.options.Output}, nil
	}
	path := filepath.Join(h.options.LogDirectory, name+".log")
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // the operator's own folder
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	h.closers = append(h.closers, file)
	return &sharedWriter{w: file}, nil
}

func (h *Host) closeAll() error {
	h.start.close()
	var problems []error
	for _, c := range h.closers {
		problems = append(problems, c.Close())
	}
	return errors.Join(problems...)
}

// Stop ends everything in this order: new invocations fail with ErrStopping, running ones may finish until ctx ends, processes
// get SIGTERM and after StopDelay SIGKILL. It returns when every process has ended. The caller must stop its own sources of
// invocations first; calls that still wait for a process fail with ErrStopping.
func (h *Host) Stop(ctx context.Context) error {
	h.mu.Lock()
	already := h.stopping
	h.stopping = true
	h.mu.Unlock()
	if already {
		h.supervisors.Wait()
		return nil
	}
	var unfinished error
	for _, name := range h.order {
		f := h.functions[name]
		f.refuseWaiting(ErrStopping)
		if err := f.drain(ctx); err != nil {
			unfinished = errors.Join(unfinished, fmt.Errorf("function %s: cut off while running: %w", name, err))
		}
	}
	for _, name := range h.order {
		h.functions[name].stopProcesses()
	}
	h.supervisors.Wait()
	return errors.Join(unfinished, h.api.Close(), h.closeAll())
}

func (h *Host) isStopping() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stopping
}

func (h *Host) function(name string) (*function, error) {
	f, ok := h.functions[name]
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrUnknownFunction, name)
	}
	return f, nil
}

// NewID returns a random UUID, the form of Lambda's request ids and of EventBridge's event ids.
func NewID(random io.Reader) string {
	var b [16]byte
	// crypto/rand never fails. Another source that runs out leaves zeros; ids only have to be distinct within a run that chose
	// such a source.
	_, _ = io.ReadFull(random, b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// NewTrace returns a trace header in the form of X-Ray, for an invocation without one.
func NewTrace(now time.Time, random io.Reader) string {
	var b [12]byte
	_, _ = io.ReadFull(random, b[:])
	return fmt.Sprintf("Root=1-%08x-%s", now.Unix(), hex.EncodeToString(b[:]))
}
