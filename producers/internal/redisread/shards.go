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

// newShard makes the breaker before one shard, or before the question where a key is.
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

// shards has a breaker before each shard of the cluster. One before all of them would do both wrongs: a shard that is down would
// stop the calls to the others as well, or, where those come between, each call to it would take its whole timeout.
type shards struct {
	// masterOf finds the address of the master that has a key; from memory, once the client knows the cluster.
	masterOf func(ctx context.Context, key string) (string, error)
	now      func() time.Time
	// asking stands before masterOf.
	asking *breaker.Breaker

	mu sync.Mutex
	// byAddress are those of masters. After a failover a shard has another master, with a breaker of its own.
	byAddress map[string]*breaker.Breaker
	// byKey is where keys were when that was last asked: one of each seat group that is on sale, and two of payments.
	byKey map[string]*breaker.Breaker
}

func newShards(client redis.UniversalClient, now func() time.Time) *shards {
	s := &shards{now: now, asking: newShard(now), byAddress: map[string]*breaker.Breaker{}, byKey: map[string]*breaker.Breaker{}}
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

// of finds the shards that have keys. It is one question, however many keys there are, and none while no call would be made
// anyway: a client whose view of the cluster is old dials with each question to renew it, which would be as many dials at a Redis
// that is away as there are orders.
func (s *shards) of(ctx context.Context, keys ...string) (in []*breaker.Breaker, err error) {
	if in := s.closedTo(keys); in != nil {
		return in, nil
	}
	err = callShard(ctx, s.asking, func(ctx context.Context) error {
		in = make([]*breaker.Breaker, len(keys))
		for i, key := range keys {
			address, err := s.masterOf(ctx, key)
			if err != nil {
				return err
			}
			in[i] = s.at(address, key)
		}
		return nil
	})
	return in, err
}

// closedTo are the shards that keys were in last, if the breakers of all of them let no call through right now; else nil. Once a
// breaker tries its shard again, its keys may be in another one.
func (s *shards) closedTo(keys []string) []*breaker.Breaker {
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

func (s *shards) at(address, key string) *breaker.Breaker {
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

// ofGroups sorts indexes of groups by the shard that has them.
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

// DownFor says how long none of the groups could be asked without a success between; 0 while the shard of one of them answers.
func (r *Reader) DownFor(ctx context.Context, groups ...contracts.SeatGroup) time.Duration {
	in, err := r.shards.ofGroups(ctx, groups)
	if err != nil {
		return r.shards.asking.DownFor()
	}
	least := time.Duration(-1)
	for at := range in {
		if down := at.DownFor(); least < 0 || down < least {
			least = down
		}
	}
	return max(0, least)
}

// ask asks each shard about its groups, in one round trip a shard, all of them at the same time. add adds the commands about
// group i. The error of a group is that of its shard, or of a command of its own; nil where all its commands were answered.
func (r *Reader) ask(ctx context.Context, groups []contracts.SeatGroup, add func(p redis.Pipeliner, i int) []redis.Cmder) []error {
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
				return faultOf(commands, err)
			})
			// Each index is of one shard alone.
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

// faultOf is what a round trip says of its shard; err is its own. One value of a wrong kind, which the server refuses, is no
// fault of the shard while it answers another command. A connection that broke in between is one, whatever came before.
func faultOf(commands [][]redis.Cmder, err error) error {
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

// unread is the error of the groups that were not read; nil if all were. none says that all of them were not.
func unread(groups []contracts.SeatGroup, errs []error) (err error, none bool) { //nolint:revive // the error is data here, and none says what it means
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
		return nil, false
	}
	return fmt.Errorf("%d of %d groups not read, the first is %w", failed, len(groups), err), failed == len(groups)
}
