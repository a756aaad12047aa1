// Package redishold keeps the holds of seat groups in Redis. Each operation on a group is one Lua script on the keys of
// that group, so it is atomic, and each is safe to repeat, by any process at any time. The README has the model and its
// reasons; memhold does the same in Go, and holdtest compares the two.
package redishold

import (
	"cmp"
	"context"
	_ "embed" // the scripts
	"fmt"
	"time"

	"boxoffice/consumers/internal/adapters/redisclient"
	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"

	"github.com/redis/go-redis/v9"
)

// Options configures a Store.
type Options struct {
	// HoldFor is the length of a hold, at least 1 ms: holdSeconds of the topology.
	HoldFor time.Duration
	// LapseAfter is how long after its end a hold lapses that was not released. Default seatstate.LapseAfter.
	LapseAfter time.Duration
	// TimeoutPerCall bounds one call. After it the result is unknown. Default 500 ms.
	TimeoutPerCall time.Duration
	// Shards has a breaker for each shard, so that a shard that is down affects only its own groups. Without Shards, the
	// Store's breaker is used for all shards.
	Shards *redisclient.Shards
}

// Store keeps holds in Redis. It is safe for concurrent use and has no state of its own. A method blocks for at most
// TimeoutPerCall, and with Shards for as long again to find the shard. Its errors are holds.ErrNotLoaded: rebuild the group
// and ask again; holds.ErrInvalid, as a *retry.PoisonError: no attempt can succeed; any other: the result is unknown, and a
// repeat is safe.
type Store struct {
	client redis.UniversalClient
	// breaker counts a timeout and a cancelled call as failures of Redis. Every result of a script counts as a success:
	// also not loaded, stale, refused and invalid.
	breaker retry.Breaker
	o       Options
	scripts scripts
}

// New makes a Store. redisclient makes the client.
func New(client redis.UniversalClient, breaker retry.Breaker, o Options) *Store {
	return newStore(client, breaker, o, clock)
}

func newStore(client redis.UniversalClient, breaker retry.Breaker, o Options, clock string) *Store {
	o.LapseAfter = cmp.Or(o.LapseAfter, seatstate.LapseAfter)
	o.TimeoutPerCall = cmp.Or(o.TimeoutPerCall, 500*time.Millisecond)
	return &Store{client: client, breaker: breaker, o: o, scripts: compose(clock)}
}

//go:embed clock.lua
var clock string

//go:embed prelude.lua
var prelude string

type scripts struct {
	hold, forward, keep, sell, restore, release, repair, sweep, load, unlock *redis.Script
	// state is the only script that writes nothing.
	state *redis.Script
}

// compose builds each script from the clock, the constants, the prelude and its body. Tests pass another clock.
func compose(clock string) scripts {
	constants := fmt.Sprintf("local SWEEP_LIMIT, RECORD_KEPT, MAX_PLACES, LAG_KEPT = %d, %d, %d, %d\n",
		seatstate.SweepLimit, seatstate.RecordKept.Milliseconds(), holds.MaxPlaces, seatstate.LagKept.Milliseconds())
	script := func(body string) *redis.Script { return redis.NewScript(clock + constants + prelude + body) }
	return scripts{
		hold: script(holdBody), forward: script(forwardBody), keep: script(keepBody), sell: script(sellBody),
		restore: script(restoreBody), release: script(releaseBody), repair: script(repairBody), sweep: script(sweepBody),
		load: script(loadBody), unlock: script(unlockBody), state: script(stateBody),
	}
}

// Words that the result of any script may begin with.
const (
	wordInvalid   = "INVALID"
	wordNotLoaded = "NOT_LOADED"
)

// run calls a script on a group's keys, with the layout version before args. Its errors name the operation and the group.
func (s *Store) run(ctx context.Context, name string, script *redis.Script, g seatstate.GroupVersion, args ...any) (reply, error) {
	// Run sends EVALSHA; if the server does not know the script yet (a new one, a promoted replica), it sends EVAL.
	return s.answer(ctx, name, g.SeatGroup, func(ctx context.Context) *redis.Cmd {
		return script.Run(ctx, s.client, seatstate.KeysOf(g.SeatGroup).All(), append([]any{g.LayoutVersion}, args...)...)
	})
}

// read is run for a script that must not write: Redis refuses a write.
func (s *Store) read(ctx context.Context, name string, script *redis.Script, g seatstate.GroupVersion) (reply, error) {
	return s.answer(ctx, name, g.SeatGroup, func(ctx context.Context) *redis.Cmd {
		return script.RunRO(ctx, s.client, seatstate.KeysOf(g.SeatGroup).All(), g.LayoutVersion)
	})
}

func (s *Store) answer(ctx context.Context, name string, g contracts.SeatGroup, call func(ctx context.Context) *redis.Cmd) (reply, error) {
	var raw []any
	err := s.callGroup(ctx, g, func(ctx context.Context) (err error) {
		raw, err = call(ctx).Slice()
		return err
	})
	if err != nil {
		return reply{}, fmt.Errorf("redis %s %s: %w", name, g.Key(), err)
	}
	r, err := parseReply(raw)
	switch {
	case err != nil:
		return reply{}, fmt.Errorf("redis %s %s: %w", name, g.Key(), err)
	case r.word == wordNotLoaded:
		return reply{}, fmt.Errorf("redis %s %s: %w", name, g.Key(), holds.ErrNotLoaded)
	case r.word == wordInvalid:
		return reply{}, invalid(fmt.Errorf("redis %s %s: %w: %v", name, g.Key(), holds.ErrInvalid, r.rest))
	}
	return r, nil
}

// callGroup runs op, which concerns one group, through the breaker of its shard, bounded by the timeout per call.
func (s *Store) callGroup(ctx context.Context, g contracts.SeatGroup, op func(ctx context.Context) error) error {
	if s.o.Shards == nil {
		return s.call(ctx, op)
	}
	return s.o.Shards.Call(ctx, seatstate.KeysOf(g).Rev, s.o.TimeoutPerCall, op)
}

// call runs op through the breaker, bounded by the timeout per call.
func (s *Store) call(ctx context.Context, op func(ctx context.Context) error) error {
	return redisclient.Call(ctx, s.breaker, s.o.TimeoutPerCall, op)
}

// invalid marks an error as poison: another attempt would get it again.
func invalid(err error) error {
	return retry.Poison("invalid_hold", err)
}
