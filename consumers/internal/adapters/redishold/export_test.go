package redishold

import (
	"boxoffice/consumers/internal/retry"

	"github.com/redis/go-redis/v9"
)

// testClock reads the group's instant from a key of the group instead of TIME, so that tests reach the exact millisecond of
// a limit. The bodies of the scripts are the deployed ones.
const testClock = `local now = tonumber(redis.call('GET', (KEYS[1]:gsub(':rev$', ':clock'))))
`

// NewWithTestClock is New with the clock that tests set.
func NewWithTestClock(client redis.UniversalClient, breaker retry.Breaker, o Options) *Store {
	return newStore(client, breaker, o, testClock)
}

// Scripts by name, with the test clock.
func Scripts() map[string]*redis.Script {
	s := compose(testClock)
	return map[string]*redis.Script{
		"hold": s.hold, "forward": s.forward, "keep": s.keep, "sell": s.sell, "restore": s.restore, "release": s.release,
		"repair": s.repair, "sweep": s.sweep, "state": s.state, "load": s.load,
	}
}
