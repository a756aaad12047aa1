// Package redisrate is the pace of payments in Redis, shared by all instances: the bucket of tokens for calls to the
// provider.
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

// Options of a Bucket.
type Options struct {
	Rates pay.Rates
	// TimeoutPerCall ends one call of Redis. Default 200 ms: a bucket that is slow is worth less than the own share.
	TimeoutPerCall time.Duration
}

// Bucket is pay's, one key a bucket. It is safe for concurrent use.
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

// New makes a Bucket over the process's client, which should try nothing again by itself. The breaker counts every call
// that fails.
func New(client redis.UniversalClient, breaker retry.Breaker, o Options) *Bucket {
	return newBucket(client, breaker, o, clock)
}

// newBucket lets tests give another clock.
func newBucket(client redis.UniversalClient, breaker retry.Breaker, o Options, clock string) *Bucket {
	o.TimeoutPerCall = cmp.Or(o.TimeoutPerCall, timeoutPerCall)
	return &Bucket{client: client, breaker: breaker, o: o, take: redis.NewScript(clock + takeBody)}
}

const timeoutPerCall = 200 * time.Millisecond

// key of a bucket: a hash tag of its own keeps it beside no seat group.
func key(bucket string) string { return "{boxoffice:payments}:" + bucket }

// Take implements pay.Bucket.
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
