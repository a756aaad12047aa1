package boot

import (
	"context"

	"boxoffice/consumers/internal/adapters/dynamocatalogue"
	"boxoffice/consumers/internal/adapters/redisclient"
	"boxoffice/consumers/internal/adapters/redishold"
	"boxoffice/consumers/internal/ended"
	"boxoffice/consumers/internal/rebuild"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
)

// SeatGroup has the clients of a consumer that works on seat groups in Redis: the stores, and the loader that fills Redis from them.
type SeatGroup struct {
	Rows
	Holds     *redishold.Store
	Catalogue *dynamocatalogue.Catalogue
	Loader    *rebuild.Rebuilder
	Pace      *redisclient.Pace
}

// NewSeatGroup builds the clients. Before the first invocation, they connect to Redis and read the layouts of the sales that buyers
// will most likely ask for.
func NewSeatGroup(p Process, s Stores, urls map[message.Queue]string) SeatGroup {
	redisclient.LogLibrary(p.Log)
	rows := newRows(p, s.RowTables, s.GroupsTable, urls)
	cache := redisclient.NewClient(s.RedisAddress, s.RedisUser, s.RedisPassword)
	g := SeatGroup{
		Rows:  rows,
		Holds: redishold.New(cache, p.RedisBreaker(), redishold.Options{HoldFor: s.HoldFor(), Shards: redisclient.NewShards(cache, p.RedisBreaker)}),
		Catalogue: dynamocatalogue.New(rows.dynamo, dynamocatalogue.Tables{
			Concerts: s.ConcertsTable, Layouts: s.LayoutsTable,
		}, rows.dynamoBreaker, p.Now),
		Pace: redisclient.NewPace(cache, p.RedisBreaker(), redisclient.Decisions, p.Now),
	}
	p.Warm.Add("dial Redis", func(ctx context.Context) error { return redisclient.Dial(ctx, cache) })
	p.Warm.Add("layouts", g.Catalogue.Preload)
	g.Loader = rebuild.New(g.Orders, g.Orders, g.Catalogue, g.Holds, p.Meter, rebuild.Options{})
	return g
}

// Ending returns what follows when an order ends without tickets.
func (g SeatGroup) Ending(p Process) ended.Ending {
	return ended.Ending{Holds: g.Holds, Loader: g.Loader, Sender: g.Sender, Log: p.Log}
}

// RedisBreaker returns a breaker for a shard of Redis, or for calls to several shards.
func (p Process) RedisBreaker() retry.Breaker { return p.Breaker("redis", nil) }
