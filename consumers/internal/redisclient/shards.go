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
	byAddress map[string]retry.Breaker
}

// NewShards makes a Shards over the process's client.
func NewShards(client *redis.ClusterClient, newBreaker func() retry.Breaker) *Shards {
	return &Shards{client: client, newBreaker: newBreaker, asking: newBreaker(), byAddress: map[string]retry.Breaker{}}
}

// Call runs op, which is about a key, through the breaker of the key's shard, within the timeout.
func (s *Shards) Call(ctx context.Context, key string, timeout time.Duration, op func(ctx context.Context) error) error {
	var shard retry.Breaker
	if err := Call(ctx, s.asking, timeout, func(ctx context.Context) error {
		master, err := s.client.MasterForKey(ctx, key)
		if err != nil {
			return fmt.Errorf("shard of the key: %w", err)
		}
		shard = s.of(master.Options().Addr)
		return nil
	}); err != nil {
		return err
	}
	return Call(ctx, shard, timeout, op)
}

func (s *Shards) of(address string) retry.Breaker {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, known := s.byAddress[address]
	if !known {
		b = s.newBreaker()
		s.byAddress[address] = b
	}
	return b
}
