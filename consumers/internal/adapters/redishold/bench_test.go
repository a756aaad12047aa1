package redishold_test

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"testing"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/testkit/holdtest"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"

	"github.com/redis/go-redis/v9"
)

// BenchmarkHoldAndRelease is a pair of calls on one connection. server-µs/call is the time of Redis' one thread for one
// call, averaged over both scripts: it bounds a node, while ns/op is mostly the network.
func BenchmarkHoldAndRelease(b *testing.B) {
	for _, seats := range []int{1, 6} {
		b.Run(fmt.Sprintf("seats=%d", seats), func(b *testing.B) {
			client, store, g := openLoaded(b, 300)
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

// BenchmarkStateAndRepair reads a full group of 300 places and repairs 10 of its orders that are right already: a repair
// reads and compares the same in every case. 5,000 orders have ended, as in a rush.
func BenchmarkStateAndRepair(b *testing.B) {
	client, store, g := openLoaded(b, 300)
	ctx := context.Background()
	for i := range 150 {
		ask := holds.Ask{Order: contracts.OrderID("e1abcdefghjkmnpqrstvwxyz" + fmt.Sprintf("%08d", i)), Hash: "AAAAAAAAAAAAAAAAAAAAAA", Places: []int{2 * i, 2*i + 1}}
		if _, err := holdtest.Hold(ctx, store, g, ask); err != nil {
			b.Fatal(err)
		}
	}
	for i := range 5000 {
		if _, err := store.Release(ctx, g, contracts.OrderID("over"+strconv.Itoa(i)), 1); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	calls, spent := scriptStats(b, client)
	for b.Loop() {
		state, err := store.State(ctx, g)
		if err != nil {
			b.Fatal(err)
		}
		var changes []holds.Change
		for id, r := range state.Records {
			if len(changes) < 10 {
				changes = append(changes, holds.Change{
					Order: id, Version: 1, Hash: r.Hash, Want: seatstate.Held, Places: r.Places,
					HeldAt: r.HeldAt, ExpiresAt: r.HoldExpiresAt, Seen: state.Seen(id, r.Places),
				})
			}
		}
		if repaired, err := store.Repair(ctx, g, state.Revision.Epoch, changes); err != nil || len(repaired.Done) != 10 {
			b.Fatalf("repaired %+v, %v", repaired, err)
		}
	}
	callsAfter, spentAfter := scriptStats(b, client)
	b.ReportMetric((spentAfter-spent)/(callsAfter-calls), "server-µs/call")
}

var evalSha = regexp.MustCompile(`cmdstat_evalsha(?:_ro)?:calls=(\d+),usec=(\d+)`)

// scriptStats returns the calls of scripts so far and the microseconds that the server spent on them.
func scriptStats(b *testing.B, client *redis.ClusterClient) (calls, microseconds float64) {
	b.Helper()
	info, err := client.Info(context.Background(), "commandstats").Result()
	if err != nil {
		b.Fatal(err)
	}
	for _, found := range evalSha.FindAllStringSubmatch(info, -1) {
		c, err1 := strconv.ParseFloat(found[1], 64)
		u, err2 := strconv.ParseFloat(found[2], 64)
		if err1 != nil || err2 != nil {
			b.Fatal(err1, err2)
		}
		calls, microseconds = calls+c, microseconds+u
	}
	return calls, microseconds
}
