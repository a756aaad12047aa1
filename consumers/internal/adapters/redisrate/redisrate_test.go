package redisrate_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"boxoffice/consumers/internal/adapters/redisrate"
	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/paymenttest"
	"boxoffice/consumers/internal/testkit/redistest"
)

func TestMain(m *testing.M) { os.Exit(redistest.Run(m)) }

func TestPromises(t *testing.T) { paymenttest.ExerciseBuckets(t, open) }

func TestAgreesWithTheModel(t *testing.T) { paymenttest.AgreeOnBuckets(t, open) }

// options have a long timeout, so that a loaded machine does not fail a test.
func options(rates pay.Rates) redisrate.Options {
	return redisrate.Options{Rates: rates, TimeoutPerCall: 10 * time.Second}
}

// ticking sets the script's clock before each call.
type ticking struct {
	pay.Bucket
	client *redis.ClusterClient
	clock  *paymenttest.Clock
}

func (b ticking) Take(ctx context.Context, c pay.Class) (time.Duration, error) {
	if err := b.client.Set(ctx, redisrate.Key("clock"), b.clock.Now().UnixMicro(), 0).Err(); err != nil {
		return 0, err
	}
	return b.Bucket.Take(ctx, c)
}

// open deletes the buckets of earlier tests, so that they are full.
func open(t *testing.T, rates pay.Rates, clock *paymenttest.Clock) pay.Bucket {
	client := redistest.Client(t)
	forget(t, client)
	return ticking{redisrate.NewWithTestClock(client, retry.NoBreaker{}, options(rates)), client, clock}
}

func forget(t *testing.T, client *redis.ClusterClient) {
	t.Helper()
	for _, bucket := range []string{"writes", "reads"} {
		if err := client.Del(t.Context(), redisrate.Key(bucket)).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// The deployed script uses the server's clock, and its key expires.
func TestBucketUsesServerClock(t *testing.T) {
	client := redistest.Client(t)
	forget(t, client)
	b := redisrate.New(client, retry.NoBreaker{}, options(pay.Rates{Writes: 1, Reads: 1}))
	var waits []time.Duration
	for range 3 {
		wait, err := b.Take(t.Context(), pay.Settling)
		if err != nil {
			t.Fatal(err)
		}
		waits = append(waits, wait)
	}
	if waits[0] != 0 || waits[1] != 0 || waits[2] <= 0 || waits[2] > time.Second {
		t.Errorf("a token a second, two in the bucket: waits %v", waits)
	}
	at, err := client.HGet(t.Context(), redisrate.Key("writes"), "at").Int64()
	if err != nil {
		t.Fatal(err)
	}
	if age := time.Since(time.UnixMicro(at)); age < -time.Minute || age > time.Minute {
		t.Errorf("the bucket is of %v ago", age)
	}
	ttl, err := client.PTTL(t.Context(), redisrate.Key("writes")).Result()
	if err != nil || ttl < pay.MaxTurn || ttl > 2*time.Minute {
		t.Errorf("the key ends in %v, %v", ttl, err)
	}
}

func TestUnreachableBucketIsAnError(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1, DialerRetries: 1})
	defer func() { _ = client.Close() }()
	breaker := retry.NewBreaker("redis", retry.BreakerOptions{Failures: 2})
	b := redisrate.New(client, breaker, options(pay.LiveRates))
	for n := range 3 {
		wait, err := b.Take(t.Context(), pay.Opening)
		if err == nil || wait != 0 || errors.Is(err, retry.ErrBreakerOpen) != (n == 2) {
			t.Errorf("call %d: %v, %v", n, wait, err)
		}
	}
}
