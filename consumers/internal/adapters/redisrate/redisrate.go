// Package redisrate implements pay.Bucket in Redis: a bucket of tokens for calls to the payment provider that all instances
// share.
package redisrate

import (
	"cmp"
	"context"
	_ "embed" // the script
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"boxoffice/consumers/internal/adapters/redisclient"
	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/retry"
)

// Options configures a Bucket.
type Options struct {
	Rates pay.Rates
	// TimeoutPerCall bounds one call of Redis. Default 200 ms: it is better to use this instance's own share than to wait
	// longer.
	TimeoutPerCall time.Duration
}

// Bucket has one key in Redis for each bucket of its rates. It is safe for concurrent use.
type Bucket struct {
	client  redis.UniversalClient
	breaker retry.Breaker
	o       Options
	take    *redis.Script
}

var _ pay.Bucket = (*Bucket)(nil)

//go:embed clock.lua
var clock string

//go:embed take.lua
var takeBody string

// New makes a Bucket over the process's client, which should not retry by itself. The breaker counts every failed call.
func New(client redis.UniversalClient, breaker retry.Breaker, o Options) *Bucket {
	return newBucket(client, breaker, o, clock)
}

// newBucket is New with a clock; tests pass their own.
func newBucket(client redis.UniversalClient, breaker retry.Breaker, o Options, clock string) *Bucket {
	o.TimeoutPerCall = cmp.Or(o.TimeoutPerCall, timeoutPerCall)
	return &Bucket{client: client, breaker: breaker, o: o, take: redis.NewScript(clock + takeBody)}
}

const timeoutPerCall = 200 * time.Millisecond

// key is the Redis key of a bucket. Its hash tag keeps it apart from the seat groups.
func key(bucket string) string { return "{boxoffice:payments}:" + bucket }

// Take implements pay.Bucket. It is one atomic script call and blocks for at most TimeoutPerCall. After an error a token
// may have been taken.
func (b *Bucket) Take(ctx context.Context, c pay.Class) (time.Duration, error) {
	rate := b.o.Rates.Of(c)
	var wait int64
	err := redisclient.Call(ctx, b.breaker, b.o.TimeoutPerCall, func(ctx context.Context) (err error) {
		wait, err = b.take.Run(ctx, b.client, []string{key(rate.Bucket)},
			string(c), rate.PerSecond, rate.Capacity, rate.Left, pay.MaxTurn.Microseconds()).Int64()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("redis take %s: %w", c, err)
	}
	return time.Duration(wait) * time.Microsecond, nil
}
