// Package redistest starts a real redis-server for a test package: one node of a cluster with all slots, so that calls
// across slots are refused as in production. It is for tests only.
//
//	func TestMain(m *testing.M) { os.Exit(redistest.Run(m)) }
//
//	addr := redistest.Addr(t)
//
// miniredis does not do: it lacks BITFIELD, accepts calls across slots, and has another Lua.
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

	"boxoffice/consumers/internal/adapters/redisclient"
	"boxoffice/consumers/internal/testkit/childtest"

	"github.com/redis/go-redis/v9"
)

// readyWithin bounds the wait until a started server is ready. A cluster node refuses writes for its first 2 s.
const readyWithin = 15 * time.Second

var shared = childtest.Shared[*server]{
	Package: "redistest",
	Start:   func(context.Context) (*server, error) { return start() },
	Stop:    (*server).stop,
}

// Run runs the tests of a package and then stops the server that they used, if any.
func Run(m interface{ Run() int }) int { return shared.Run(m) }

// Addr returns HOST:PORT of the package's server. It is empty at first and all of the package's tests share it: each test
// uses its own seat groups. Without redis-server the test is skipped with the reason, or fails where CI is true. TestMain
// must call Run.
func Addr(t testing.TB) string {
	t.Helper()
	return shared.Get(t).addr
}

// Client returns a client of that server, made like the deployed one, which lives until the test ends.
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
	addr, bus string
	dir       string
	process   *os.Process
	done      <-chan struct{}
}

func (s *server) stop() {
	_ = s.process.Kill()
	<-s.done
	_ = os.RemoveAll(s.dir)
}

func start() (*server, error) {
	s, err := launch()
	if err != nil {
		return nil, err
	}
	if err := s.ready(); err != nil {
		return nil, s.failed(err)
	}
	return s, nil
}

// failed stops a server that did not become ready, and returns an error with its log.
func (s *server) failed(err error) error {
	written, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	s.stop()
	return fmt.Errorf("start redis-server: %w; its log:\n%s", err, written)
}

// launch starts a server that has no slots yet.
func launch() (*server, error) {
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("redis-server is %w: apt-get install redis-server", childtest.ErrNotInstalled)
	}
	return childtest.Try(func() (*server, error) { return launchOnce(binary) })
}

func launchOnce(binary string) (*server, error) {
	ports, err := childtest.FreePorts(context.Background(), 2)
	if err != nil {
		return nil, err
	}
	port, bus := ports[0], ports[1]
	dir, err := os.MkdirTemp("", "redistest-")
	if err != nil {
		return nil, fmt.Errorf("folder of the server: %w", err)
	}
	command := exec.Command(binary, "--port", port, "--bind", "127.0.0.1", "--dir", dir, "--logfile", filepath.Join(dir, "log"), //nolint:gosec // the binary that LookPath found, on free ports
		"--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction",
		// A node that is down makes its own slots unavailable and no others, as on ElastiCache.
		"--cluster-require-full-coverage", "no",
		"--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-announce-ip", "127.0.0.1")
	s := &server{addr: net.JoinHostPort("127.0.0.1", port), bus: bus, dir: dir}
	if s.done, err = childtest.Start(command); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	s.process = command.Process
	if err := s.listening(); err != nil {
		return nil, s.failed(err)
	}
	return s, nil
}

// listening waits until the server accepts connections. It dials itself, since a client of Redis logs every refused
// connection.
func (s *server) listening() error {
	return s.await(func(ctx context.Context) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.addr)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// ready gives the server all slots and waits until it accepts writes.
func (s *server) ready() error {
	client := s.client()
	defer func() { _ = client.Close() }()
	if err := client.Do(context.Background(), "CLUSTER", "ADDSLOTSRANGE", 0, slots-1).Err(); err != nil {
		return err
	}
	return s.await(func(ctx context.Context) error { return clusterIs(ctx, client, "cluster_state:ok") })
}

// slots is the number of slots of a cluster.
const slots = 16384

func (s *server) client() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: s.addr, MaxRetries: -1, DialerRetries: 1})
}

// clusterIs returns an error unless the node's view of its cluster has these texts.
func clusterIs(ctx context.Context, node *redis.Client, wants ...string) error {
	info, err := node.ClusterInfo(ctx).Result()
	if err != nil {
		return err
	}
	for _, want := range wants {
		if !strings.Contains(info, want) {
			return errors.New(info)
		}
	}
	return nil
}

// await waits until a condition of the running server holds.
func (s *server) await(condition func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := condition(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.done:
			return errors.New("redis-server exited")
		case <-ctx.Done():
			return fmt.Errorf("redis-server was not ready within %v: %w", readyWithin, err)
		case <-tick.C:
		}
	}
}
