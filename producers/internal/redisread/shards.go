package redisread

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// failuresToOpen and openFor: after some failed calls in a row the producer stops waiting for a shard, and tries it again after
// some seconds.
const (
	failuresToOpen = 5
	openFor        = 2 * time.Second
)

// shard is a breaker before a part of Redis, which also knows for how long that part has been down. It is safe for concurrent
// use.
type shard struct {
	breaker *gobreaker.CircuitBreaker
	now     func() time.Time

	mu sync.Mutex
	// downSince is when the breaker opened after it was last closed; zero while it is closed.
	downSince time.Time
}

func newShard(now func() time.Time) *shard {
	s := &shard{now: now}
	s.breaker = gobreaker.NewCircuitBreaker(gobreaker.Settings{
		Name:          "redis",
		Timeout:       openFor,
		ReadyToTrip:   func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= failuresToOpen },
		OnStateChange: s.stateChanged,
	})
	return s
}

func (s *shard) stateChanged(_ string, _, to gobreaker.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case to == gobreaker.StateClosed:
		s.downSince = time.Time{}
	case s.downSince.IsZero():
		s.downSince = s.now()
	}
}

// downFor counts from the first time that the breaker opened: a failed probe does not begin anew.
func (s *shard) downFor() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.downSince.IsZero() {
		return 0
	}
	return s.now().Sub(s.downSince)
}

// call makes one call within its timeout and the breaker. A cancelled call counts as a failure: it says nothing good
// of Redis, and a cancelled probe must not close the breaker.
func (s *shard) call(ctx context.Context, op func(context.Context) error) error {
	_, err := s.breaker.Execute(func() (any, error) {
		ctx, cancel := context.WithTimeout(ctx, timeoutPerCall)
		defer cancel()
		err := op(ctx)
		if errors.Is(err, redis.Nil) {
			err = nil
		}
		return nil, err
	})
	return err
}

// shards has a breaker before each shard of the cluster. One before all of them would do both wrongs: a shard that is down would
// stop the calls to the others as well, or, where those come between, each call to it would take its whole timeout.
type shards struct {
	// masterOf finds the address of the master that has a key; from memory, once the client knows the cluster.
	masterOf func(ctx context.Context, key string) (string, error)
	now      func() time.Time
	// asking stands before masterOf.
	asking *shard

	mu sync.Mutex
	// byAddress are those of masters. After a failover a shard has another master, with a breaker of its own.
	byAddress map[string]*shard
	// byKey is where keys were when that was last asked: one of each seat group that is on sale, and two of payments.
	byKey map[string]*shard
}

func newShards(client redis.UniversalClient, now func() time.Time) *shards {
	s := &shards{now: now, asking: newShard(now), byAddress: map[string]*shard{}, byKey: map[string]*shard{}}
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
func (s *shards) of(ctx context.Context, keys ...string) (in []*shard, err error) {
	if in := s.closedTo(keys); in != nil {
		return in, nil
	}
	err = s.asking.call(ctx, func(ctx context.Context) error {
		in = make([]*shard, len(keys))
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
func (s *shards) closedTo(keys []string) []*shard {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := make([]*shard, len(keys))
	for i, key := range keys {
		known, ok := s.byKey[key]
		if !ok || known.breaker.State() != gobreaker.StateOpen {
			return nil
		}
		in[i] = known
	}
	return in
}

func (s *shards) at(address, key string) *shard {
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
func (s *shards) ofGroups(ctx context.Context, groups []contracts.SeatGroup) (map[*shard][]int, error) {
	keys := make([]string, len(groups))
	for i, g := range groups {
		keys[i] = seatstate.KeysOf(g).Rev
	}
	shards, err := s.of(ctx, keys...)
	if err != nil {
		return nil, err
	}
	in := map[*shard][]int{}
	for i, at := range shards {
		in[at] = append(in[at], i)
	}
	return in, nil
}

// DownFor says how long none of the groups could be asked without a success between; 0 while the shard of one of them answers.
func (r *Reader) DownFor(ctx context.Context, groups ...contracts.SeatGroup) time.Duration {
	in, err := r.shards.ofGroups(ctx, groups)
	if err != nil {
		return r.shards.asking.downFor()
	}
	least := time.Duration(-1)
	for at := range in {
		if down := at.downFor(); least < 0 || down < least {
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
			err := at.call(ctx, func(ctx context.Context) error {
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
