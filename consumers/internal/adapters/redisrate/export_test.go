package redisrate

import (
	"boxoffice/consumers/internal/retry"

	"github.com/redis/go-redis/v9"
)

// testClock reads the instant from a key beside the buckets instead of TIME. The body of the script is the deployed one.
const testClock = `local now = tonumber(redis.call('GET', (KEYS[1]:gsub(':%a+$', ':clock'))))
`

// NewWithTestClock is New with the clock that tests set.
func NewWithTestClock(client redis.UniversalClient, breaker retry.Breaker, o Options) *Bucket {
	return newBucket(client, breaker, o, testClock)
}

// Key is the Redis key of a bucket.
func Key(bucket string) string { return key(bucket) }
