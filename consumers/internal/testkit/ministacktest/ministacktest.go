// Package ministacktest starts a real ministack (SQS, DynamoDB and its streams, EventBridge) for a test package. It is for
// tests only.
//
//	func TestMain(m *testing.M) { os.Exit(ministacktest.Run(m)) }
//
//	ministacktest.Setenv(t)
//	cfg, err := awsclient.Load(t.Context())
//
// Each Setenv makes a new tenant, so tests can use the names of the topology without seeing one another.
package ministacktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/consumers/internal/testkit/childtest"
)

// Variable is the environment variable with the ministack binary to use; it comes before all other places.
const Variable = "BOXOFFICE_MINISTACK"

// Region is the AWS region of every tenant.
const Region = "eu-west-1"

// inModule is where the local stack installs it, below the module's root.
const inModule = ".local/venv/bin/ministack"

const readyWithin = 30 * time.Second

var shared = childtest.Shared[*server]{Package: "ministacktest", Start: start, Stop: (*server).stop}

// tenants counts the tenants in use.
var tenants atomic.Int64

type server struct {
	address string
	command *exec.Cmd
	exited  <-chan struct{}
	// output may be read once exited is closed.
	output bytes.Buffer
}

// Run runs the tests of a package and then stops the server that they used, if any.
func Run(m interface{ Run() int }) int { return shared.Run(m) }

// Setenv points the SDK's environment at a new tenant of the package's ministack until the test ends. Without ministack the
// test is skipped with the reason, or fails where CI is true. TestMain must call Run.
func Setenv(t testing.TB) {
	t.Helper()
	address := shared.Get(t).address
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": "http://" + address,
		"AWS_REGION":       Region,
		// ministack takes an access key of 12 digits for the account.
		"AWS_ACCESS_KEY_ID":     fmt.Sprintf("%012d", tenants.Add(1)),
		"AWS_SECRET_ACCESS_KEY": "test",
		"AWS_SESSION_TOKEN":     "",
		"AWS_PROFILE":           "",
		// A developer's configuration for real accounts must not reach the tests.
		"AWS_CONFIG_FILE":             os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_EC2_METADATA_DISABLED":   "true",
	} {
		t.Setenv(name, value)
	}
}

func start(ctx context.Context) (*server, error) {
	binary, err := find()
	if err != nil {
		return nil, err
	}
	s, err := childtest.Try(func() (*server, error) { return startOnce(ctx, binary) })
	if err != nil {
		return nil, fmt.Errorf("start ministack: %w", err)
	}
	return s, nil
}

func startOnce(ctx context.Context, binary string) (*server, error) {
	ports, err := childtest.FreePorts(ctx, 1)
	if err != nil {
		return nil, err
	}
	s := &server{address: net.JoinHostPort("127.0.0.1", ports[0])}
	// Not under ctx: it outlives the test that happens to start it.
	program, args := command(binary, ports[0])
	s.command = exec.Command(program, args...) //nolint:gosec // the emulator that was found
	s.command.Env = append(os.Environ(), "BIND_HOST=127.0.0.1", "IOT_MTLS_ENABLED=0", "GATEWAY_PORT="+ports[0], "AWS_DEFAULT_REGION="+Region)
	s.command.Stdout, s.command.Stderr = &s.output, &s.output
	if s.exited, err = childtest.Start(s.command); err != nil {
		return nil, err
	}
	if err := s.awaitReady(ctx); err != nil {
		s.stop()
		return nil, fmt.Errorf("%w\n%s", err, s.output.String())
	}
	return s, nil
}

// command returns the command that serves ministack as the local stack does: with uvicorn if it is installed beside it,
// else by itself. Only the speed differs.
func command(binary, port string) (program string, args []string) {
	server := filepath.Join(filepath.Dir(binary), "uvicorn")
	if _, err := os.Stat(server); err != nil {
		return binary, nil
	}
	return server, []string{
		"ministack.app:app", "--host", "127.0.0.1", "--port", port, "--loop", "uvloop", "--http", "httptools",
		"--no-access-log", "--no-server-header", "--no-date-header", "--log-level", "warning", "--timeout-keep-alive", "75",
	}
}

func (s *server) stop() {
	// It stores nothing on disk, so killing it loses nothing. It may have ended already.
	_ = s.command.Process.Kill()
	<-s.exited
}

func (s *server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		err := s.healthy(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.exited:
			return errors.New("ministack ended at its start")
		case <-ctx.Done():
			return fmt.Errorf("not healthy within %s: %w", readyWithin, err)
		case <-poll.C:
		}
	}
}

func (s *server) healthy(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/_ministack/health", nil)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	if err := response.Body.Close(); err != nil {
		return fmt.Errorf("health: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("health: %s", response.Status)
	}
	return nil
}

// find returns the binary named by Variable, else the one in the module's virtual environment, else the one in PATH.
func find() (string, error) {
	if binary := os.Getenv(Variable); binary != "" {
		if _, err := os.Stat(binary); err != nil {
			return "", fmt.Errorf("%s: %w", Variable, err)
		}
		return binary, nil
	}
	if root, found := moduleRoot(); found {
		binary := filepath.Join(root, inModule)
		if _, err := os.Stat(binary); err == nil {
			return binary, nil
		}
	}
	binary, err := exec.LookPath("ministack")
	if err != nil {
		return "", fmt.Errorf("ministack is %w: none named by %s, none at %s, none in PATH", childtest.ErrNotInstalled, Variable, inModule)
	}
	return binary, nil
}

func moduleRoot() (string, bool) {
	directory, err := os.Getwd()
	if err != nil {
		return "", false
	}
	for {
		if _, err := os.Stat(filepath.Join(directory, "go.mod")); err == nil {
			return directory, true
		}
		parent := filepath.Dir(directory)
		if parent == directory {
			return "", false
		}
		directory = parent
	}
}
