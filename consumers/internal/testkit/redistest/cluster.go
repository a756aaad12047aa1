package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"

	"boxoffice/consumers/internal/testkit/childtest"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"

	"github.com/redis/go-redis/v9"
)

// Node is one node of a cluster of several, with a shard of its own.
type Node struct {
	// Addr is HOST:PORT.
	Addr string
	// First and Last bound the slots of the node.
	First, Last int

	server *server
}

// Cluster starts a cluster of n nodes, each with a part of the slots, for one test, and stops it at the test's end. Without
// redis-server the test is skipped with the reason, or fails where CI is true.
func Cluster(t testing.TB, n int) []Node {
	t.Helper()
	var nodes []Node
	for i := range n {
		s, err := launch()
		childtest.Want(t, err)
		t.Cleanup(s.stop)
		nodes = append(nodes, Node{Addr: s.addr, First: i * slots / n, Last: (i+1)*slots/n - 1, server: s})
	}
	for _, node := range nodes {
		if err := node.join(nodes[0]); err != nil {
			t.Fatal(err)
		}
	}
	for _, node := range nodes {
		client := node.server.client()
		err := node.server.await(func(ctx context.Context) error {
			return clusterIs(ctx, client, "cluster_state:ok", fmt.Sprint("cluster_known_nodes:", n), fmt.Sprint("cluster_slots_assigned:", slots))
		})
		if err := errors.Join(err, client.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return nodes
}

// join gives the node its slots and introduces it to another node.
func (n Node) join(other Node) error {
	client := n.server.client()
	defer func() { _ = client.Close() }()
	ctx := context.Background()
	if err := client.Do(ctx, "CLUSTER", "ADDSLOTSRANGE", n.First, n.Last).Err(); err != nil {
		return fmt.Errorf("slots %d to %d: %w", n.First, n.Last, err)
	}
	if n.Addr == other.Addr {
		return nil
	}
	host, port, err := net.SplitHostPort(other.Addr)
	if err != nil {
		return err
	}
	if err := client.Do(ctx, "CLUSTER", "MEET", host, port, other.server.bus).Err(); err != nil {
		return fmt.Errorf("meet %s: %w", other.Addr, err)
	}
	return nil
}

// Pause suspends the node: it accepts connections and does not answer. Resume continues it.
func (n Node) Pause(t testing.TB) {
	t.Helper()
	n.signal(t, syscall.SIGSTOP)
}

// Resume ends a Pause.
func (n Node) Resume(t testing.TB) {
	t.Helper()
	n.signal(t, syscall.SIGCONT)
}

func (n Node) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := n.server.process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// Kill ends the node: connections to it are refused from then on, and the other nodes notice after a while.
func (n Node) Kill(t testing.TB) {
	t.Helper()
	n.signal(t, syscall.SIGKILL)
	<-n.server.done
}

// GroupOn calls makeGroup until a seat group has its keys on the node.
func GroupOn(t testing.TB, client *redis.ClusterClient, node Node, makeGroup func() contracts.SeatGroup) contracts.SeatGroup {
	t.Helper()
	for {
		g := makeGroup()
		slot, err := client.ClusterKeySlot(t.Context(), seatstate.KeysOf(g).Rev).Result()
		if err != nil {
			t.Fatal(err)
		}
		if int(slot) >= node.First && int(slot) <= node.Last {
			return g
		}
	}
}
