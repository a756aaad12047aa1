package redishold

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"boxoffice/consumers/internal/adapters/redisclient"
	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"

	"github.com/redis/go-redis/v9"
)

// Maps returns revision, map and lag of groups, each at one instant, in one round trip a shard. A group that is not loaded, or
// loaded in another layout version, is returned as not loaded. If some shards do not answer, the error is a
// *holds.UnreadError about their groups, beside the snapshots of the others; if none answers, it is their own error.
func (s *Store) Maps(ctx context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error) {
	maps := make([]seatstate.Snapshot, len(groups))
	own := make([]error, len(groups))
	errs := s.eachShard(ctx, groups, func(ctx context.Context, some []int) error { return s.maps(ctx, groups, some, maps, own) })
	var unread []contracts.SeatGroup
	var first error
	for i := range groups {
		if err := cmp.Or(errs[i], own[i]); err != nil {
			maps[i] = seatstate.Snapshot{}
			unread = append(unread, groups[i].SeatGroup)
			// The groups of a shard share one error, so the first stands for all.
			if first == nil {
				first = err
			}
		}
	}
	switch {
	case first == nil:
		return maps, nil
	case len(unread) == len(groups):
		return nil, fmt.Errorf("redis maps: %w", first)
	default:
		return maps, fmt.Errorf("redis maps: %w", &holds.UnreadError{Groups: unread, Err: first})
	}
}

// maps reads some of the groups, all of one shard, into their places. A bad reply for one group is an error of that group,
// not of the shard.
func (s *Store) maps(ctx context.Context, groups []seatstate.GroupVersion, some []int, into []seatstate.Snapshot, own []error) error {
	pipe := s.client.Pipeline()
	for _, i := range some {
		keys := seatstate.KeysOf(groups[i].SeatGroup)
		pipe.MGet(ctx, keys.Rev, keys.Map, keys.Lag)
	}
	replies, err := pipe.Exec(ctx)
	answered, broken := false, false
	for n, reply := range replies {
		i := some[n]
		var refused redis.Error
		switch own[i] = reply.Err(); {
		case own[i] == nil:
			answered = true
			into[i], own[i] = snapshotOf(groups[i], reply)
		case !errors.As(own[i], &refused):
			broken = true // the connection broke after some replies
		}
		if own[i] != nil {
			own[i] = fmt.Errorf("%s: %w", groups[i].Key(), own[i])
		}
	}
	if answered && !broken {
		return nil
	}
	return err
}

// eachShard runs op for the groups of each shard through that shard's breaker; without Shards, once for all groups.
func (s *Store) eachShard(ctx context.Context, groups []seatstate.GroupVersion, op func(ctx context.Context, some []int) error) []error {
	keys, all := make([]string, len(groups)), make([]int, len(groups))
	for i, g := range groups {
		keys[i], all[i] = seatstate.KeysOf(g.SeatGroup).Rev, i
	}
	if s.o.Shards != nil {
		return s.o.Shards.Each(ctx, keys, s.o.TimeoutPerCall, op)
	}
	errs := make([]error, len(groups))
	if err := s.call(ctx, func(ctx context.Context) error { return op(ctx, all) }); err != nil {
		for i := range errs {
			errs[i] = err
		}
	}
	return errs
}

func snapshotOf(g seatstate.GroupVersion, reply redis.Cmder) (seatstate.Snapshot, error) {
	read, ok := reply.(*redis.SliceCmd)
	if !ok || len(read.Val()) != 3 {
		return seatstate.Snapshot{}, fmt.Errorf("reply %v has not three values", reply)
	}
	revision, _ := read.Val()[0].(string)
	bits, _ := read.Val()[1].(string)
	snapshot, err := seatstate.SnapshotOf(g, revision, bits)
	if text, there := read.Val()[2].(string); there && err == nil {
		if behind, known := redisclient.ParseLag(text); known {
			snapshot.Lag = &behind
		}
	}
	return snapshot, err
}
