package redishold

import (
	"context"
	_ "embed" // unlock.lua
	"errors"
	"fmt"
	"strconv"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"

	"github.com/redis/go-redis/v9"
)

//go:embed unlock.lua
var unlockBody string

// Lock takes the group's rebuild lock for the fencing token and returns true, unless another token has the lock. It does
// not wait. The lock expires after ttl, at least 1 ms, by Redis' clock. The same token gets true again, so that a lost
// answer does no harm; that does not prolong the lock.
func (s *Store) Lock(ctx context.Context, g contracts.SeatGroup, token int64, ttl time.Duration) (bool, error) {
	if token < 1 || ttl < time.Millisecond {
		return false, invalid(fmt.Errorf("%w: lock by token %d for %v", holds.ErrInvalid, token, ttl))
	}
	mine := strconv.FormatInt(token, 10)
	var locked bool
	err := s.callGroup(ctx, g, func(ctx context.Context) error {
		before, err := s.client.SetArgs(ctx, seatstate.KeysOf(g).Lock, mine, redis.SetArgs{Mode: "NX", Get: true, TTL: ttl}).Result()
		if errors.Is(err, redis.Nil) {
			locked = true
			return nil
		}
		locked = before == mine
		return err
	})
	if err != nil {
		return false, fmt.Errorf("redis lock %s: %w", g.Key(), err)
	}
	return locked, nil
}

// Unlock deletes the lock if it carries the token; else it does nothing. Load has deleted it already.
func (s *Store) Unlock(ctx context.Context, g contracts.SeatGroup, token int64) error {
	_, err := s.run(ctx, "unlock", s.scripts.unlock, seatstate.In(g, 0), token)
	return err
}
