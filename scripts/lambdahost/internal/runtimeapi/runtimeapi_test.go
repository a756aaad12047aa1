package runtimeapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"boxoffice/scripts/lambdahost/internal/echofn"
)

func TestMain(m *testing.M) {
	if echofn.Serving() {
		echofn.Serve()
	}
	os.Exit(m.Run())
}

// safeBuffer is a log that tests can read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

type fixture struct {
	*Host
	log *safeBuffer
}

func startEcho(t *testing.T, change func(*Function, *Options)) fixture {
	t.Helper()
	log := &safeBuffer{}
	f := Function{
		Name: "echo", Directory: echofn.Directory(t), Processes: 2, Timeout: 10 * time.Second, MemoryMegabytes: 256,
		ARN: "arn:aws:lambda:us-east-1:000000000001:function:echo", Environment: map[string]string{"COLOUR": "blue"},
	}
	options := Options{Logger: slog.New(slog.NewJSONHandler(log, nil)), Environment: []string{"AWS_REGION=us-east-1", "COLOUR=red"}}
	if change != nil {
		change(&f, &options)
	}
	host, err := Start([]Function{f}, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := host.Stop(context.Background()); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return fixture{host, log}
}

func (f fixture) invoke(t *testing.T, event string) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return f.Invoke(ctx, "echo", Invocation{Payload: []byte(event)})
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestInvocationReachesTheHandlerWithItsContext(t *testing.T) {
	host := startEcho(t, nil)
	before := time.Now()
	answer, err := host.Invoke(t.Context(), "echo", Invocation{Payload: []byte(`{"do":"context"}`), Trace: "Root=1-00000001-000000000000000000000002"})
	if err != nil {
		t.Fatal(err)
	}
	var d echofn.Description
	if err := json.Unmarshal(answer, &d); err != nil {
		t.Fatal(err)
	}
	if d.ARN != "arn:aws:lambda:us-east-1:000000000001:function:echo" || d.Trace != "Root=1-00000001-000000000000000000000002" || len(d.RequestID) != 36 {
		t.Errorf("context %+v", d)
	}
	if left := time.UnixMilli(d.Deadline).Sub(before); left < 9*time.Second || left > 40*time.Second {
		t.Errorf("the deadline is %s after the call, want the timeout of 10 s", left)
	}
}

func TestProcessesGetTheirEnvironmentAndNothingElseOfTheHost(t *testing.T) {
	t.Setenv("HOST_ONLY", "1")
	host := startEcho(t, nil)
	answer, err := host.invoke(t, `{"do":"environment"}`)
	if err != nil {
		t.Fatal(err)
	}
	var env []string
	if err := json.Unmarshal(answer, &env); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"AWS_REGION=us-east-1", "COLOUR=blue", "AWS_LAMBDA_FUNCTION_NAME=echo", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "_HANDLER=bootstrap"} {
		if !slices.Contains(env, want) {
			t.Errorf("environment lacks %s", want)
		}
	}
	for _, entry := range env {
		if strings.HasPrefix(entry, "HOST_ONLY") || entry == "COLOUR=red" {
			t.Errorf("environment has %s", entry)
		}
	}
}

func TestInvocationsRunInParallelAndThenWait(t *testing.T) {
	host := startEcho(t, nil)
	type result struct {
		answer string
		err    error
	}
	const calls = 6
	results := make(chan result, calls)
	for range calls {
		go func() {
			answer, err := host.Invoke(context.Background(), "echo", Invocation{Payload: []byte(`{"do":"sleep","for":"100ms"}`)})
			results <- result{string(answer), err}
		}()
	}
	eventually(t, "2 busy, 4 waiting", func() bool { s := host.Status()[0]; return s.InFlight == 2 && s.Waiting == 4 })
	byProcess := map[string]int{}
	for range calls {
		r := <-results
		if r.err != nil {
			t.Fatal(r.err)
		}
		byProcess[r.answer]++
	}
	if len(byProcess) != 2 {
		t.Errorf("responses came from processes %v, want two", byProcess)
	}
}

func TestWaitIsBoundedByTheCallersContext(t *testing.T) {
	host := startEcho(t, func(f *Function, _ *Options) { f.Processes = 1 })
	first := make(chan error, 1)
	go func() {
		_, err := host.Invoke(context.Background(), "echo", Invocation{Payload: []byte(`{"do":"sleep","for":"400ms"}`)})
		first <- err
	}()
	eventually(t, "the process is busy", func() bool { return host.Status()[0].InFlight == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := host.Invoke(ctx, "echo", Invocation{Payload: []byte(`{}`)})
	if !errors.Is(err, ErrNoFreeProcess) || !NotInvoked(err) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want ErrNoFreeProcess", err)
	}
	if _, err := host.Invoke(t.Context(), "echo", Invocation{Payload: []byte(`{}`), Wait: time.Millisecond}); !errors.Is(err, ErrNoFreeProcess) {
		t.Errorf("with a wait of 1 ms: %v", err)
	}
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	if _, err := host.Invoke(t.Context(), "echo", Invocation{Payload: []byte(`{"do":"sleep","for":"50ms"}`), Wait: 20 * time.Millisecond}); err != nil {
		t.Errorf("a wait that expires while the function runs: %v", err)
	}
	if s := host.Status()[0]; s.Waiting != 0 || s.Invocations != 2 {
		t.Errorf("status %+v: a call that gave up must neither wait nor run", s)
	}
}

func TestHandlerErrorAndPanic(t *testing.T) {
	host := startEcho(t, func(f *Function, _ *Options) { f.Processes = 1 })
	var failed *FunctionError
	_, err := host.invoke(t, `{"do":"error","text":"no such seat"}`)
	if !errors.As(err, &failed) || failed.Message != "no such seat" || failed.Type != "errorString" {
		t.Errorf("error %v", err)
	}
	pid := host.Status()[0].Processes[0].PID
	_, err = host.invoke(t, `{"do":"panic","text":"oh"}`)
	if !errors.As(err, &failed) || failed.Message != "oh" {
		t.Errorf("panic returned %v", err)
	}
	if _, err := host.invoke(t, `{}`); err != nil {
		t.Fatalf("after a panic: %v", err)
	}
	status := host.Status()[0]
	if status.Processes[0].PID == pid || status.Processes[0].Restarts != 1 || status.Errors != 2 {
		t.Errorf("status %+v: a panic must replace the process", status)
	}
}

func TestCrashFailsItsInvocationAndIsReportedAndRepaired(t *testing.T) {
	host := startEcho(t, func(f *Function, _ *Options) { f.Processes = 1 })
	_, err := host.invoke(t, `{"do":"exit"}`)
	var failed *FunctionError
	if !errors.As(err, &failed) || failed.Type != TypeExit || !strings.Contains(failed.Message, "exit status 7") {
		t.Fatalf("error %v", err)
	}
	if _, err := host.invoke(t, `{}`); err != nil {
		t.Fatalf("after the crash: %v", err)
	}
	if s := host.Status()[0]; s.Crashes != 1 || s.Processes[0].Restarts != 1 {
		t.Errorf("status %+v", s)
	}
	if !strings.Contains(host.log.String(), "a function process ended by itself") {
		t.Errorf("log %q", host.log)
	}
}

func TestTimeoutKillsTheProcess(t *testing.T) {
	host := startEcho(t, func(f *Function, _ *Options) { f.Processes, f.Timeout = 1, 300*time.Millisecond })
	eventually(t, "the process is idle", func() bool { return host.Status()[0].Processes[0].State == "idle" })
	pid := host.Status()[0].Processes[0].PID
	start := time.Now()
	_, err := host.invoke(t, `{"do":"sleep","for":"1h"}`)
	if !IsTimeout(err) || !strings.Contains(err.Error(), "Task timed out after 0.30 seconds") {
		t.Fatalf("error %v", err)
	}
	if took := time.Since(start); took < 300*time.Millisecond {
		t.Errorf("timed out after %s", took)
	}
	eventually(t, "the process is gone", func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
	if _, err := host.invoke(t, `{}`); err != nil {
		t.Fatalf("after the timeout: %v", err)
	}
	if s := host.Status()[0]; s.Timeouts != 1 || s.Crashes != 0 {
		t.Errorf("status %+v", s)
	}
}

func TestPayloadLimits(t *testing.T) {
	host := startEcho(t, func(f *Function, _ *Options) { f.Processes = 1 })
	answer, err := host.invoke(t, fmt.Sprintf(`{"do":"large","size":%d}`, MaxPayload-2))
	if err != nil || len(answer) != MaxPayload {
		t.Errorf("largest response: %d bytes, %v", len(answer), err)
	}
	_, err = host.invoke(t, fmt.Sprintf(`{"do":"large","size":%d}`, MaxPayload-1))
	var failed *FunctionError
	if !errors.As(err, &failed) || failed.Type != TypeResponseTooLarge {
		t.Errorf("response over the limit: %v", err)
	}
	_, err = host.Invoke(t.Context(), "echo", Invocation{Payload: make([]byte, MaxPayload+1)})
	if !errors.Is(err, ErrPayloadTooLarge) || !NotInvoked(err) {
		t.Errorf("request over the limit: %v", err)
	}
	if _, err := host.invoke(t, `{}`); err != nil {
		t.Errorf("after a refused response: %v", err)
	}
}

func TestCrashLoopAtStartIsSlowedDown(t *testing.T) {
	host := startEcho(t, func(f *Function, o *Options) {
		f.Processes = 1
		f.Environment[echofn.CrashAtStart] = "1"
		o.RestartDelay, o.MaxRestartDelay = 20*time.Millisecond, 80*time.Millisecond
	})
	start := time.Now()
	eventually(t, "4 crashes", func() bool { return host.Status()[0].Crashes >= 4 })
	// The pauses between four starts are 20 + 40 + 80 ms.
	if took := time.Since(start); took < 140*time.Millisecond {
		t.Errorf("4 crashes within %s: no growing pause", took)
	}
	if missing := host.Missing(); len(missing) != 1 || missing[0] != "process 0 of function echo" {
		t.Errorf("missing %q", missing)
	}
	if s := host.Status()[0].Processes[0]; s.LastExit != "exit status 3" {
		t.Errorf("last exit %q", s.LastExit)
	}
}

func TestStopLetsWorkFinishAndLeavesNoProcess(t *testing.T) {
	host := startEcho(t, nil)
	eventually(t, "ready", func() bool { return len(host.Missing()) == 0 })
	var pids []int
	for _, p := range host.Status()[0].Processes {
		pids = append(pids, p.PID)
	}
	result := make(chan error, 1)
	go func() {
		_, err := host.Invoke(context.Background(), "echo", Invocation{Payload: []byte(`{"do":"sleep","for":"300ms"}`)})
		result <- err
	}()
	eventually(t, "busy", func() bool { return host.Status()[0].InFlight == 1 })
	if err := host.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Errorf("invocation under way at the stop: %v", err)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d outlived the host: %v", pid, err)
		}
	}
	if _, err := host.Invoke(t.Context(), "echo", Invocation{}); !errors.Is(err, ErrStopping) {
		t.Errorf("invocation after the stop: %v", err)
	}
}

func TestStopIsBounded(t *testing.T) {
	host := startEcho(t, func(_ *Function, o *Options) { o.StopDelay = 50 * time.Millisecond })
	result := make(chan error, 1)
	go func() {
		_, err := host.Invoke(context.Background(), "echo", Invocation{Payload: []byte(`{"do":"sleep","for":"1h"}`)})
		result <- err
	}()
	eventually(t, "busy", func() bool { return host.Status()[0].InFlight == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := host.Stop(ctx); err == nil || !strings.Contains(err.Error(), "cut off while running") {
		t.Errorf("stop returned %v", err)
	}
	var failed *FunctionError
	if err := <-result; !errors.As(err, &failed) {
		t.Errorf("the invocation that was cut off: %v", err)
	}
}

func TestOutputOfAllProcessesGoesToOneLogInWholeLines(t *testing.T) {
	directory := t.TempDir()
	host := startEcho(t, func(_ *Function, o *Options) { o.LogDirectory = directory })
	line := strings.Repeat("seat ", 2000)
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			if _, err := host.Invoke(context.Background(), "echo", Invocation{Payload: []byte(`{"do":"print","text":"` + line + `"}`)}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	whole := func() int {
		content, err := os.ReadFile(filepath.Join(directory, "echo.log")) //nolint:gosec // the test's own folder
		if err != nil {
			t.Fatal(err)
		}
		lines := 0
		for l := range strings.Lines(string(content)) {
			if l == line+"\n" {
				lines++
			}
		}
		return lines
	}
	eventually(t, "10 whole lines", func() bool { return whole() == 10 })
}

func TestStartNamesEveryMissingBootstrap(t *testing.T) {
	present := echofn.Directory(t)
	_, err := Start([]Function{
		{Name: "reserve", Directory: filepath.Join(present, "absent"), Processes: 1},
		{Name: "orders", Directory: present, Processes: 1},
		{Name: "expire", Directory: filepath.Join(present, "gone"), Processes: 1},
	}, Options{Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "function reserve") || !strings.Contains(err.Error(), "function expire") || strings.Contains(err.Error(), "orders") {
		t.Errorf("error %v", err)
	}
}
