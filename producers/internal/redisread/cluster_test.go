package redisread_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// clusterNode is a node of a real cluster. The consumers have a package for this; the two sides share contracts and nothing else.
type clusterNode struct {
	addr    string
	process *os.Process
	client  *redis.Client
}

// threeShards starts a cluster of three masters with a third of the slots each, until the test ends. Without redis-server it
// skips the test and says why, or fails it if CI is true.
func threeShards(t *testing.T) []clusterNode {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("redis-server is not installed: apt-get install redis-server")
	}
	var nodes []clusterNode
	for i := range 3 {
		n := start(t, binary)
		if err := n.client.Do(t.Context(), "CLUSTER", "ADDSLOTSRANGE", i*slots/3, (i+1)*slots/3-1).Err(); err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, n)
	}
	host, port, err := net.SplitHostPort(nodes[0].addr)
	if err != nil {
		t.Fatal(err)
	}
	bus, err := nodes[0].client.ConfigGet(t.Context(), "cluster-port").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes[1:] {
		if err := n.client.Do(t.Context(), "CLUSTER", "MEET", host, port, bus["cluster-port"]).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range nodes {
		await(t, "the cluster", func() bool {
			info, err := n.client.ClusterInfo(t.Context()).Result()
			return err == nil && strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3")
		})
	}
	return nodes
}

// slots is how many slots a cluster has.
const slots = 16384

// start starts a node on free ports, which another process may take first.
func start(t *testing.T, binary string) clusterNode {
	t.Helper()
	for range 5 {
		ports := make([]string, 2)
		for i := range ports {
			l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			_, ports[i], _ = net.SplitHostPort(l.Addr().String())
			defer func() { _ = l.Close() }()
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
		command := exec.CommandContext(context.WithoutCancel(t.Context()), binary, "--port", ports[0], "--bind", "127.0.0.1", "--dir", t.TempDir(), //nolint:gosec // the binary that LookPath found
			"--save", "", "--appendonly", "no", "--cluster-require-full-coverage", "no", "--cluster-enabled", "yes",
			"--cluster-port", ports[1], "--cluster-announce-ip", "127.0.0.1")
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = command.Wait()
		}()
		n := clusterNode{addr: net.JoinHostPort("127.0.0.1", ports[0]), process: command.Process}
		n.client = redis.NewClient(&redis.Options{Addr: n.addr, MaxRetries: -1})
		t.Cleanup(func() {
			_ = n.client.Close()
			_ = n.process.Kill()
			<-ended
		})
		for range 500 {
			if n.client.Ping(t.Context()).Err() == nil {
				return n
			}
			select {
			case <-ended:
			case <-time.After(10 * time.Millisecond):
				continue
			}
			break
		}
	}
	t.Fatal("no node started")
	return clusterNode{}
}

func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 20 s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// groupsOn returns seat groups, two on each node.
func groupsOn(t *testing.T, client *redis.ClusterClient, nodes []clusterNode) (groups []contracts.SeatGroup) {
	t.Helper()
	for i := range nodes {
		found := 0
		for n := 0; found < 2; n++ {
			g := contracts.SeatGroup{ConcertID: "c", Group: fmt.Sprint("g", n)}
			slot, err := client.ClusterKeySlot(t.Context(), seatstate.KeysOf(g).Rev).Result()
			if err != nil {
				t.Fatal(err)
			}
			if int(slot) < i*slots/3 || int(slot) >= (i+1)*slots/3 {
				continue
			}
			found++
			groups = append(groups, g)
		}
	}
	return groups
}

// inSecond returns the groups in their second layout version.
func inSecond(groups []contracts.SeatGroup) []seatstate.GroupVersion {
	versions := make([]seatstate.GroupVersion, len(groups))
	for i, g := range groups {
		versions[i] = seatstate.In(g, 2)
	}
	return versions
}
