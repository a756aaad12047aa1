package redishold_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"boxoffice/consumers/internal/adapters/redisclient"
	"boxoffice/consumers/internal/adapters/redishold"
	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/holdtest"
	"boxoffice/consumers/internal/testkit/redistest"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"

	"github.com/redis/go-redis/v9"
)

// groupOn returns a new seat group whose keys are on a node.
func groupOn(t *testing.T, client *redis.ClusterClient, node redistest.Node) seatstate.GroupVersion {
	t.Helper()
	var found seatstate.GroupVersion
	redistest.GroupOn(t, client, node, func() contracts.SeatGroup {
		found = newGroup()
		return found.SeatGroup
	})
	return found
}

// A shard that is down affects only its own groups: soon calls to it fail at once, also when calls to other shards come
// between, and the other shards answer all the time.
func TestShardDownAffectsOnlyItsOwnGroups(t *testing.T) {
	nodes := redistest.Cluster(t, 2)
	client := redisclient.NewClient(nodes[0].Addr, "", "")
	t.Cleanup(func() { _ = client.Close() })
	const perCall, failures = 200 * time.Millisecond, 3
	newBreaker := func() retry.Breaker {
		return retry.NewBreaker("redis", retry.BreakerOptions{Failures: failures, OpenFor: 3 * time.Second})
	}
	store := redishold.New(client, newBreaker(), redishold.Options{
		HoldFor: holdtest.HoldFor, TimeoutPerCall: perCall, Shards: redisclient.NewShards(client, newBreaker),
	})
	well, down := groupOn(t, client, nodes[0]), groupOn(t, client, nodes[1])
	n := 0
	hold := func(g seatstate.GroupVersion) (time.Duration, error) {
		n++
		begun := time.Now()
		_, err := holdtest.Hold(t.Context(), store, g, holds.Ask{Order: contracts.OrderID(fmt.Sprint("o", n)), Hash: "h", Places: []int{0}})
		return time.Since(begun), err
	}
	for _, g := range []seatstate.GroupVersion{well, down} {
		load(t, store, g, holds.Load{Places: 4})
		if _, err := hold(g); err != nil {
			t.Fatalf("before the outage: %v", err)
		}
	}
	nodes[1].Pause(t)
	t.Cleanup(func() { nodes[1].Resume(t) })
	for i := range 3 * failures {
		took, err := hold(down)
		switch {
		case err == nil:
			t.Fatal("a node that is paused answered")
		case i >= failures && !errors.Is(err, retry.ErrBreakerOpen):
			t.Errorf("call %d waited %s: %v", i, took, err)
		}
		if _, err := hold(well); err != nil {
			t.Errorf("after call %d the other shard: %v", i, err)
		}
		if err := store.Loaded(t.Context(), well); err != nil {
			t.Errorf("after call %d the other shard: %v", i, err)
		}
	}
	nodes[1].Resume(t)
	deadline := time.Now().Add(20 * time.Second)
	for {
		_, err := hold(down)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the shard is back, and still: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// While the shard of a key is not known, the breaker of that question applies: after some calls an unreachable cluster
// costs no call its timeout.
func TestBreakerOpensForUnreachableCluster(t *testing.T) {
	nodes := redistest.Cluster(t, 1)
	client := redisclient.NewClient(nodes[0].Addr, "", "")
	t.Cleanup(func() { _ = client.Close() })
	nodes[0].Pause(t)
	t.Cleanup(func() { nodes[0].Resume(t) })
	newBreaker := func() retry.Breaker { return retry.NewBreaker("redis", retry.BreakerOptions{Failures: 2}) }
	store := redishold.New(client, newBreaker(), redishold.Options{
		HoldFor: time.Minute, TimeoutPerCall: 100 * time.Millisecond, Shards: redisclient.NewShards(client, newBreaker),
	})
	for i := range 4 {
		begun := time.Now()
		err := store.Loaded(t.Context(), newGroup())
		if took := time.Since(begun); err == nil || took > 5*time.Second || (i >= 2) != errors.Is(err, retry.ErrBreakerOpen) {
			t.Errorf("call %d took %s: %v", i, took, err)
		}
	}
}
