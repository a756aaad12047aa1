// Package ministacktest starts a ministack (an emulator of SQS, DynamoDB and its streams, EventBridge, …) for the tests of one
// package. Tests are skipped where ministack is not installed; in CI they fail.
package ministacktest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"boxoffice/scripts/internal/awsclient"
	"boxoffice/scripts/internal/freeport"
	"boxoffice/scripts/internal/ministack"
	"boxoffice/scripts/internal/moduleroot"
)

// Variable names the environment variable with the path of ministack. Other places are searched only without it.
const Variable = "BOXOFFICE_MINISTACK"

// Region of every configuration that Tenant returns.
const Region = "us-east-1"

const startTimeout = 30 * time.Second

// Emulator is the one ministack of a test package. The zero value is ready to use: the process starts with the first Tenant.
// TestMain must run the tests with Run, which stops the process. It is safe for concurrent use.
//
//	var emulator ministacktest.Emulator
//
//	func TestMain(m *testing.M) { os.Exit(emulator.Run(m)) }
type Emulator struct {
	mu      sync.Mutex
	started bool
	command *exec.Cmd
	exited  chan error
	address string
	failure error
	tenants int
}

// Run runs the tests and stops the emulator after them. It returns the exit code.
func (e *Emulator) Run(m *testing.M) int {
	code := m.Run()
	if err := e.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "ministack:", err)
		return max(code, 1)
	}
	return code
}

// Tenant returns a configuration with an account of its own. Tenants do not see each other's queues and tables, so concurrent
// tests can use the same names. The test is skipped where ministack is not installed; in CI it fails.
func (e *Emulator) Tenant(t testing.TB) aws.Config {
	t.Helper()
	binary, err := find()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("needs ministack, and CI must have it: %v", err)
		}
		t.Skipf("needs ministack: %v", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.started {
		e.started = true
		e.failure = e.start(binary)
	}
	if e.failure != nil {
		t.Fatalf("start ministack: %v", e.failure)
	}
	// ministack uses an access key of 12 digits as the account id.
	e.tenants++
	account := fmt.Sprintf("%012d", e.tenants)
	cfg, err := awsclient.LoadAt(t.Context(), "http://"+e.address, Region, account, "test")
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func (e *Emulator) start(binary string) error {
	port, err := freeport.Find()
	if err != nil {
		return err
	}
	e.address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	program, args := ministack.Command(binary, port)
	e.command = exec.Command(program, args...) //nolint:gosec // the emulator that was found
	e.command.Env = os.Environ()
	for name, value := range ministack.Variables(port, Region) {
		e.command.Env = append(e.command.Env, name+"="+value)
	}
	e.command.SysProcAttr = processAttributes()
	started, exited := make(chan error), make(chan error, 1)
	go func() {
		// The kernel kills the emulator when the thread that started it ends, so the thread is kept.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := e.command.Start()
		started <- err
		if err == nil {
			exited <- e.command.Wait()
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("%s: %w", binary, err)
	}
	e.exited = exited
	return e.awaitHealthy()
}

func (e *Emulator) awaitHealthy() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		if healthy(ctx, "http://"+e.address+"/_ministack/health") {
			return nil
		}
		select {
		case err := <-e.exited:
			e.exited <- err
			return fmt.Errorf("it ended while starting: %w", errors.Join(err, errors.New("run it by hand to see why")))
		case <-ctx.Done():
			return fmt.Errorf("not healthy within %s", startTimeout)
		case <-poll.C:
		}
	}
}

func healthy(ctx context.Context, address string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}

func (e *Emulator) stop() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.exited == nil {
		return nil
	}
	// It stores nothing on disk, so it can be killed.
	if err := e.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill: %w", err)
	}
	if err := <-e.exited; err == nil {
		return errors.New("it ended by itself before it was killed")
	}
	return nil
}

// find searches Variable, then the virtual environment of the module, then PATH.
func find() (string, error) {
	if binary := os.Getenv(Variable); binary != "" {
		if _, err := os.Stat(binary); err != nil {
			return "", fmt.Errorf("%s: %w", Variable, err)
		}
		return binary, nil
	}
	const inModule = ".local/venv/bin/ministack"
	if root, err := moduleroot.Find(); err == nil {
		binary := filepath.Join(root, inModule)
		if _, err := os.Stat(binary); err == nil {
			return binary, nil
		}
	}
	binary, err := exec.LookPath("ministack")
	if err != nil {
		return "", fmt.Errorf("none named by %s, none at %s, none in PATH", Variable, inModule)
	}
	return binary, nil
}
