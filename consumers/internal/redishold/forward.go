package redishold

import (
	"context"
	_ "embed" // forward.lua
	"fmt"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"

	"github.com/redis/go-redis/v9"
)

//go:embed forward.lua
var forwardBody string

// Forward notes that an order was sent on to another group, and answers Forwarded with where it was sent first. An
// order that holds something here is answered Held, and Gone and Other are as for Hold; then nothing was written. With
// holds.Nowhere nothing is written in any case, and an order without a record is answered Unknown.
func (s *Store) Forward(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, hash string, to holds.Forwarding) (holds.Answer, error) {
	if err := holds.ValidForwarding(id, hash, to); err != nil {
		return holds.Answer{}, invalid(err)
	}
	where := to.String()
	if to == holds.Nowhere {
		where = "nowhere"
	}
	r, err := s.run(ctx, "forward", s.scripts.forward, g, string(id), hash, where)
	if err != nil {
		return holds.Answer{}, err
	}
	answer, err := holdAnswer(r, 0)
	if err != nil {
		return holds.Answer{}, fmt.Errorf("redis forward %s: %w", g.Key(), err)
	}
	return answer, nil
}

// Maps answers revision and map of groups, each at one instant, in one round trip a node. A group that is not loaded, or
// loaded in another layout version, is answered so.
func (s *Store) Maps(ctx context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error) {
	maps := make([]seatstate.Snapshot, len(groups))
	err := s.call(ctx, func(ctx context.Context) error {
		pipe := s.client.Pipeline()
		for _, g := range groups {
			keys := seatstate.KeysOf(g.SeatGroup)
			pipe.MGet(ctx, keys.Rev, keys.Map)
		}
		replies, err := pipe.Exec(ctx)
		if err != nil {
			return err
		}
		for i, reply := range replies {
			if maps[i], err = snapshotOf(groups[i], reply); err != nil {
				return fmt.Errorf("%s: %w", groups[i].Key(), err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("redis maps: %w", err)
	}
	return maps, nil
}

func snapshotOf(g seatstate.GroupVersion, reply redis.Cmder) (seatstate.Snapshot, error) {
	read, ok := reply.(*redis.SliceCmd)
	if !ok || len(read.Val()) != 2 {
		return seatstate.Snapshot{}, fmt.Errorf("answer %v is no pair", reply)
	}
	revision, _ := read.Val()[0].(string)
	bits, _ := read.Val()[1].(string)
	return seatstate.SnapshotOf(g, revision, bits)
}
