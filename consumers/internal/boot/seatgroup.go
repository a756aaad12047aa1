package boot

import (
	"context"

	"boxoffice/consumers/internal/adapters/dynamocatalogue"
	"boxoffice/consumers/internal/adapters/redisclient"
	"boxoffice/consumers/internal/adapters/redishold"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/seats"
	"boxoffice/contracts/message"
)

// SeatGroup has the clients of a consumer that works on seat groups in Redis.
type SeatGroup struct {
	Rows
	// Seats loads a group that is missing in Redis; Redis does not.
	Seats     *seats.Store
	Redis     *redishold.Store
	Catalogue *dynamocatalogue.Catalogue
	Pace      *redisclient.Pace
	// Lags reads what Pace and others have stored.
	Lags *redisclient.Lags
}

// NewSeatGroup builds the clients. Before the first invocation, they connect to Redis and read the layouts of the sales that buyers
// will most likely ask for.
func NewSeatGroup(p Process, s Stores, urls map[message.Queue]string) SeatGroup {
	redisclient.LogLibrary(p.Log)
	rows := newRows(p, s.RowTables, s.GroupsTable, urls)
	cache := redisclient.NewClient(s.RedisAddress, s.RedisUser, s.RedisPassword)
	g := SeatGroup{
		Rows: rows,
		Catalogue: dynamocatalogue.New(rows.dynamo, dynamocatalogue.Tables{
			Concerts: s.ConcertsTable, Layouts: s.LayoutsTable,
		}, rows.dynamoBreaker, p.Now),
		Pace: redisclient.NewPace(cache, p.RedisBreaker(), redisclient.Decisions, p.Now),
		Lags: redisclient.NewLags(cache, p.RedisBreaker()),
	}
	p.Warm.Add("dial Redis", func(ctx context.Context) error { return redisclient.Dial(ctx, cache) })
	p.Warm.Add("layouts", g.Catalogue.Preload)
	g.Redis = redishold.New(cache, p.RedisBreaker(), redishold.Options{HoldFor: s.HoldFor(), Shards: redisclient.NewShards(cache, p.RedisBreaker)})
	g.Seats = seats.NewStore(g.Redis, seats.NewLoader(g.Orders, g.Orders, g.Catalogue, g.Redis, p.Meter, seats.LoaderOptions{}))
	return g
}

// Ending returns what follows when an order ends without tickets.
func (g SeatGroup) Ending(p Process) seats.Ending {
	return seats.Ending{Seats: g.Seats, Sender: g.Sender, Log: p.Log}
}

// RedisBreaker returns a breaker for a shard of Redis, or for calls to several shards.
func (p Process) RedisBreaker() retry.Breaker { return p.Breaker("redis", nil) }
