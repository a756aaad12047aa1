package redisread

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
	"boxoffice/producers/internal/breaker"
)

const (
	// failuresToOpen is how many failed calls in a row end the calls to a shard.
	failuresToOpen = 5
	// openFor is how long a shard is not called before it is tried again.
	openFor = 2 * time.Second
)

// newShard makes the breaker before one shard, or before the search for a key's shard.
func newShard(now func() time.Time) *breaker.Breaker {
	return breaker.New(breaker.Settings{Name: "redis", FailuresToOpen: failuresToOpen, OpenFor: openFor, Now: now})
}

// callShard makes one call within its timeout and the shard's breaker. A missing key is no error.
func callShard(ctx context.Context, shard *breaker.Breaker, op func(context.Context) error) error {
	return shard.Do(ctx, timeoutPerCall, func(ctx context.Context) error {
		if err := op(ctx); !errors.Is(err, redis.Nil) {
			return err
		}
		return nil
	})
}

// shards has a breaker before each shard of the cluster. One breaker before all of them would do harm either way: a shard that is
// down would stop the calls to the others, or, where theirs come between, each call to it would take its whole timeout. It is
// safe for concurrent use.
type shards struct {
	// masterOf returns the address of the master that has a key; from memory, once the client knows the cluster.
	masterOf func(ctx context.Context, key string) (string, error)
	now      func() time.Time
	// lookup is the breaker before masterOf.
	lookup *breaker.Breaker

	mu sync.Mutex
	// byAddress has the breakers of masters. After a failover a shard has another master, with its own breaker.
	byAddress map[string]*breaker.Breaker
	// byKey is the shard of each key when it was last looked up: one key of each seat group that is on sale, and two of lags.
	byKey map[string]*breaker.Breaker
}

func newShards(client redis.UniversalClient, now func() time.Time) *shards {
	s := &shards{now: now, lookup: newShard(now), byAddress: map[string]*breaker.Breaker{}, byKey: map[string]*breaker.Breaker{}}
	s.masterOf = func(context.Context, string) (string, error) { return "", nil }
	if cluster, ok := client.(*redis.ClusterClient); ok {
		s.masterOf = func(ctx context.Context, key string) (string, error) {
			master, err := cluster.MasterForKey(ctx, key)
			if err != nil {
				return "", fmt.Errorf("shard of the key: %w", err)
			}
			return master.Options().Addr, nil
		}
	}
	return s
}

// of returns the shards that have keys. It is one call of the breaker, however many keys there are, and none while every shard
// would refuse its calls anyway: a client whose view of the cluster is old connects for each lookup to renew it, so an
// unreachable Redis would get as many connections as there are orders.
func (s *shards) of(ctx context.Context, keys ...string) (in []*breaker.Breaker, err error) {
	if in := s.allOpen(keys); in != nil {
		return in, nil
	}
	err = callShard(ctx, s.lookup, func(ctx context.Context) error {
		in = make([]*breaker.Breaker, len(keys))
		for i, key := range keys {
			address, err := s.masterOf(ctx, key)
			if err != nil {
				return err
			}
			in[i] = s.shardAt(address, key)
		}
		return nil
	})
	return in, err
}

// allOpen returns the last known shards of keys if the breakers of all of them are open now, else nil. Once a breaker lets a
// probe through, its keys may be in another shard.
func (s *shards) allOpen(keys []string) []*breaker.Breaker {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := make([]*breaker.Breaker, len(keys))
	for i, key := range keys {
		known, ok := s.byKey[key]
		if !ok || !known.Open() {
			return nil
		}
		in[i] = known
	}
	return in
}

func (s *shards) shardAt(address, key string) *breaker.Breaker {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.byAddress[address]
	if !ok {
		known = newShard(s.now)
		s.byAddress[address] = known
	}
	s.byKey[key] = known
	return known
}

// ofGroups groups the indexes of seat groups by their shard.
func (s *shards) ofGroups(ctx context.Context, groups []contracts.SeatGroup) (map[*breaker.Breaker][]int, error) {
	keys := make([]string, len(groups))
	for i, g := range groups {
		keys[i] = seatstate.KeysOf(g).Rev
	}
	shards, err := s.of(ctx, keys...)
	if err != nil {
		return nil, err
	}
	in := map[*breaker.Breaker][]int{}
	for i, at := range shards {
		in[at] = append(in[at], i)
	}
	return in, nil
}

// DownFor returns how long calls about all the groups have been failing without a success; 0 while the shard of any of them
// works, or if there are no groups.
func (r *Reader) DownFor(ctx context.Context, groups ...contracts.SeatGroup) time.Duration {
	in, err := r.shards.ofGroups(ctx, groups)
	if err != nil {
		return r.shards.lookup.DownFor()
	}
	least := time.Duration(-1)
	for at := range in {
		if down := at.DownFor(); least < 0 || down < least {
			least = down
		}
	}
	return max(0, least)
}

// perShard sends the commands about groups, in one round trip per shard, to all shards at the same time. add adds the commands
// about group i. The error of a group is that of its shard or of one of its commands; nil if all its commands were answered.
func (r *Reader) perShard(ctx context.Context, groups []contracts.SeatGroup, add func(p redis.Pipeliner, i int) []redis.Cmder) []error {
	errs := make([]error, len(groups))
	in, err := r.shards.ofGroups(ctx, groups)
	if err != nil {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	var all sync.WaitGroup
	for at, mine := range in {
		all.Go(func() {
			commands := make([][]redis.Cmder, len(mine))
			err := callShard(ctx, at, func(ctx context.Context) error {
				_, err := r.client.Pipelined(ctx, func(p redis.Pipeliner) error {
					for n, i := range mine {
						commands[n] = add(p, i)
					}
					return nil
				})
				return shardError(commands, err)
			})
			// Each index belongs to one shard alone.
			for n, i := range mine {
				errs[i] = err
				for _, c := range commands[n] {
					if err := c.Err(); errs[i] == nil && err != nil && !errors.Is(err, redis.Nil) {
						errs[i] = err
					}
				}
			}
		})
	}
	all.Wait()
	return errs
}

// shardError returns what a round trip says about its shard; err is the error of the round trip. A command that the server
// refuses, for a value of a wrong kind, is no fault of the shard while it answers another one. A connection that broke in between
// is, whatever was answered before.
func shardError(commands [][]redis.Cmder, err error) error {
	answered := false
	for _, ofGroup := range commands {
		for _, c := range ofGroup {
			var refused redis.Error
			switch failed := c.Err(); {
			case failed == nil, errors.Is(failed, redis.Nil):
				answered = true
			case !errors.As(failed, &refused):
				return failed
			}
		}
	}
	if answered {
		return nil
	}
	return err
}

// unreadError returns the error about the groups that were not read, nil if all were. none says that no group was read.
func unreadError(groups []contracts.SeatGroup, errs []error) (none bool, err error) {
	failed := 0
	for i, e := range errs {
		if e == nil {
			continue
		}
		if failed++; err == nil {
			err = fmt.Errorf("group %s: %w", groups[i].Key(), e)
		}
	}
	if err == nil {
		return false, nil
	}
	return failed == len(groups), fmt.Errorf("%d of %d groups not read, the first is %w", failed, len(groups), err)
}
