package redisclient

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"boxoffice/consumers/internal/retry"
)

// Shards has a breaker for each shard of a cluster, and one for the question which shard has a key. One breaker for all
// shards would fail both ways: calls to a shard that is down, mixed with calls to others, are never failures in a row, so
// each takes its whole timeout; and where they are in a row, the other shards are not called either. Shards is safe for
// concurrent use.
type Shards struct {
	client     *redis.ClusterClient
	newBreaker func() retry.Breaker
	// asking is the breaker of that question. The client answers it from memory once it knows the cluster.
	asking retry.Breaker

	mu sync.Mutex
	// byAddress has the breaker of each master. After a failover the shard has another master, with a new breaker.
	byAddress map[string]*shard
}

type shard struct{ breaker retry.Breaker }

// NewShards makes a Shards over the process's client.
func NewShards(client *redis.ClusterClient, newBreaker func() retry.Breaker) *Shards {
	return &Shards{client: client, newBreaker: newBreaker, asking: newBreaker(), byAddress: map[string]*shard{}}
}

// Call finds the shard of a key and runs op, which concerns that key, through the shard's breaker. Each of the two is
// bounded by the timeout.
func (s *Shards) Call(ctx context.Context, key string, timeout time.Duration, op func(ctx context.Context) error) error {
	in, err := s.in(ctx, []string{key}, timeout)
	if err != nil {
		return err
	}
	return Call(ctx, in[0].breaker, timeout, op)
}

// Each finds the shards of keys and runs op once for each shard, with the indexes of its keys: all shards concurrently,
// each through its breaker and bounded by the timeout. It waits for all of them. The error of a key is the error of its
// shard; if the shards cannot be found, all keys get that error.
func (s *Shards) Each(ctx context.Context, keys []string, timeout time.Duration, op func(ctx context.Context, keys []int) error) []error {
	errs := make([]error, len(keys))
	in, err := s.in(ctx, keys, timeout)
	if err != nil {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	of := map[*shard][]int{}
	for i, at := range in {
		of[at] = append(of[at], i)
	}
	var all sync.WaitGroup
	for at, mine := range of {
		all.Go(func() {
			err := Call(ctx, at.breaker, timeout, func(ctx context.Context) error { return op(ctx, mine) })
			// Each key belongs to one shard, so no two goroutines write one element.
			for _, i := range mine {
				errs[i] = err
			}
		})
	}
	all.Wait()
	return errs
}

// in finds the shards of keys, in one question however many keys there are.
func (s *Shards) in(ctx context.Context, keys []string, timeout time.Duration) (in []*shard, err error) {
	err = Call(ctx, s.asking, timeout, func(ctx context.Context) error {
		in = make([]*shard, len(keys))
		for i, key := range keys {
			master, err := s.client.MasterForKey(ctx, key)
			if err != nil {
				return fmt.Errorf("shard of the key: %w", err)
			}
			in[i] = s.of(master.Options().Addr)
		}
		return nil
	})
	return in, err
}

func (s *Shards) of(address string) *shard {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.byAddress[address]
	if !ok {
		known = &shard{s.newBreaker()}
		s.byAddress[address] = known
	}
	return known
}
