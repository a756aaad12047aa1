package redishold_test

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"testing"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/holds/holdtest"
	"boxoffice/consumers/internal/redishold"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"

	"github.com/redis/go-redis/v9"
)

// BenchmarkHoldAndRelease is a pair of calls on one connection. server-µs/call is the time of Redis' one thread for one
// call, averaged over both scripts: what bounds a node, while ns/op is mostly the way there and back.
func BenchmarkHoldAndRelease(b *testing.B) {
	for _, seats := range []int{1, 6} {
		b.Run(fmt.Sprintf("seats=%d", seats), func(b *testing.B) {
			client, g := newClient(b), newGroup()
			store := redishold.New(client, retry.NoBreaker{}, options)
			load(b, store, g, holds.Load{Places: 300})
			ctx := context.Background()
			places := make([]int, seats)
			for i := range places {
				places[i] = 40*i + 7
			}
			b.ReportAllocs()
			calls, spent := scriptStats(b, client)
			for i := 0; b.Loop(); i++ {
				order := contracts.OrderID("e1abcdefghjkmnpqrstvwxyz" + fmt.Sprintf("%08d", i))
				answer, err := holdtest.Hold(ctx, store, g, holds.Ask{Order: order, Hash: "AAAAAAAAAAAAAAAAAAAAAA", Places: places})
				if err != nil || answer.Outcome != holds.Held {
					b.Fatalf("hold: %+v, %v", answer, err)
				}
				if _, err := store.Release(ctx, g, order, 1); err != nil {
					b.Fatal(err)
				}
			}
			callsAfter, spentAfter := scriptStats(b, client)
			b.ReportMetric((spentAfter-spent)/(callsAfter-calls), "server-µs/call")
		})
	}
}

var evalSha = regexp.MustCompile(`cmdstat_evalsha:calls=(\d+),usec=(\d+)`)

// scriptStats are the calls of scripts so far and the microseconds that the server spent on them.
func scriptStats(b *testing.B, client *redis.ClusterClient) (calls, microseconds float64) {
	b.Helper()
	info, err := client.Info(context.Background(), "commandstats").Result()
	if err != nil {
		b.Fatal(err)
	}
	found := evalSha.FindStringSubmatch(info)
	if found == nil {
		return 0, 0
	}
	c, err1 := strconv.ParseFloat(found[1], 64)
	u, err2 := strconv.ParseFloat(found[2], 64)
	if err1 != nil || err2 != nil {
		b.Fatal(err1, err2)
	}
	return c, u
}
