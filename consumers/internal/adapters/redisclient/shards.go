package redisclient

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"boxoffice/consumers/internal/retry"
)

// Shards has a breaker before each shard of a cluster, and one before the question which shard has a key. One breaker before
// them all would do both wrongs: calls to a shard that is down between calls to others never are failures in a row, so that
// each takes its whole timeout; and where they are, the others are not called either. It is safe for concurrent use.
type Shards struct {
	client     *redis.ClusterClient
	newBreaker func() retry.Breaker
	// asking is the breaker of the question, which is answered from memory once the client knows the cluster.
	asking retry.Breaker

	mu sync.Mutex
	// byAddress are the breakers of masters. After a failover a shard has another master, whose breaker is a new one.
	byAddress map[string]*shard
}

type shard struct{ breaker retry.Breaker }

// NewShards makes a Shards over the process's client.
func NewShards(client *redis.ClusterClient, newBreaker func() retry.Breaker) *Shards {
	return &Shards{client: client, newBreaker: newBreaker, asking: newBreaker(), byAddress: map[string]*shard{}}
}

// Call runs op, which is about a key, through the breaker of the key's shard, within the timeout.
func (s *Shards) Call(ctx context.Context, key string, timeout time.Duration, op func(ctx context.Context) error) error {
	in, err := s.in(ctx, []string{key}, timeout)
	if err != nil {
		return err
	}
	return Call(ctx, in[0].breaker, timeout, op)
}

// Each runs op for each shard that has some of the keys, with their indexes, all shards concurrently, each through its breaker
// and within the timeout. The error of a key is that of its shard.
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
			// Each key is of one shard alone.
			for _, i := range mine {
				errs[i] = err
			}
		})
	}
	all.Wait()
	return errs
}

// in finds the shards of keys. It is one question, however many keys there are.
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
