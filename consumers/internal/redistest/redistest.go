// Package redistest starts a real redis-server for a test package: one node of a cluster that owns all slots, so that
// calls across slots are refused as in production. It is for tests only.
//
//	func TestMain(m *testing.M) { os.Exit(redistest.Run(m)) }
//
//	addr := redistest.Addr(t)
//
// Not miniredis: it lacks BITFIELD, accepts calls across slots, and its Lua is another one.
package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/childtest"
	"boxoffice/consumers/internal/redisclient"

	"github.com/redis/go-redis/v9"
)

// readyWithin bounds the wait for a started server. A cluster node refuses writes for its first 2 s.
const readyWithin = 15 * time.Second

var shared = childtest.Shared[*server]{
	Package: "redistest",
	Start:   func(context.Context) (*server, error) { return start() },
	Stop:    (*server).stop,
}

// Run runs the tests of a package and then stops the server that they used, if any.
func Run(m interface{ Run() int }) int { return shared.Run(m) }

// Addr is HOST:PORT of the package's server, which is empty at first and shared by all of the package's tests: each
// test takes seat groups of its own. Without redis-server the test is skipped with the reason, or fails where CI is
// true. The package's TestMain must be Run.
func Addr(t testing.TB) string {
	t.Helper()
	return shared.Get(t).addr
}

// Client is a client of that server, the one that is deployed, until the test ends.
func Client(t testing.TB) *redis.ClusterClient {
	t.Helper()
	client := redisclient.NewClient(Addr(t), "", "")
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

type server struct {
	addr string
	dir  string
	kill func()
	done <-chan struct{}
}

func (s *server) stop() {
	s.kill()
	<-s.done
	_ = os.RemoveAll(s.dir)
}

func start() (*server, error) {
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("redis-server is %w: apt-get install redis-server", childtest.ErrNotInstalled)
	}
	s, err := childtest.Try(func() (*server, error) { return startOnce(binary) })
	if err != nil {
		return nil, fmt.Errorf("start redis-server: %w", err)
	}
	return s, nil
}

func startOnce(binary string) (*server, error) {
	ports, err := childtest.FreePorts(context.Background(), 2)
	if err != nil {
		return nil, err
	}
	port, bus := ports[0], ports[1]
	dir, err := os.MkdirTemp("", "redistest-")
	if err != nil {
		return nil, fmt.Errorf("folder of the server: %w", err)
	}
	logFile := filepath.Join(dir, "log")
	command := exec.Command(binary, "--port", port, "--bind", "127.0.0.1", "--dir", dir, "--logfile", logFile, //nolint:gosec // the binary that LookPath found, on free ports
		"--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction",
		"--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-announce-ip", "127.0.0.1")
	s := &server{addr: net.JoinHostPort("127.0.0.1", port), dir: dir}
	if s.done, err = childtest.Start(command); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	s.kill = func() { _ = command.Process.Kill() }
	if err := s.ready(); err != nil {
		written, _ := os.ReadFile(logFile) //nolint:gosec // a file of the folder made above
		s.stop()
		return nil, fmt.Errorf("%w; its log:\n%s", err, written)
	}
	return s, nil
}

// ready gives the server all slots and waits until it takes writes.
func (s *server) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	client := redis.NewClient(&redis.Options{Addr: s.addr, MaxRetries: -1, DialerRetries: 1})
	defer func() { _ = client.Close() }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	listening, assigned := false, false
	for {
		var state string
		var err error
		switch {
		case !listening:
			// By hand, since a client of Redis logs every connection that is refused.
			var conn net.Conn
			if conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", s.addr); err == nil {
				listening, err = true, conn.Close()
			}
		case !assigned:
			err = client.Do(ctx, "CLUSTER", "ADDSLOTSRANGE", 0, 16383).Err()
			assigned = err == nil
		default:
			if state, err = client.ClusterInfo(ctx).Result(); err == nil && strings.Contains(state, "cluster_state:ok") {
				return nil
			}
		}
		select {
		case <-s.done:
			return errors.New("redis-server ended by itself")
		case <-ctx.Done():
			return fmt.Errorf("redis-server was not ready within %v: %w", readyWithin, errors.Join(err, errors.New(state)))
		case <-tick.C:
		}
	}
}
