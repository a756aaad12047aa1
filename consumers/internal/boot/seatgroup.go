package boot

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/consumers/internal/dynamoattempts"
	"boxoffice/consumers/internal/dynamocatalogue"
	"boxoffice/consumers/internal/dynamoorder"
	"boxoffice/consumers/internal/ended"
	"boxoffice/consumers/internal/rebuild"
	"boxoffice/consumers/internal/redisclient"
	"boxoffice/consumers/internal/redishold"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/sqsbatch"
	"boxoffice/consumers/internal/sqssend"
	"boxoffice/contracts/message"
	"boxoffice/contracts/telemetry"
)

// SeatGroup is what every consumer of a seat group's queue is wired from: the stores, and the loader between them.
// One breaker stands before each dependency, shared by all that calls it in this process.
type SeatGroup struct {
	Holds     *redishold.Store
	Orders    *dynamoorder.Store
	Catalogue *dynamocatalogue.Catalogue
	Loader    *rebuild.Rebuilder
	Pace      *redisclient.Pace
	// Sender shares one send among the groups of a batch.
	Sender *sqssend.Shared
	// Attempts notes what was begun and has not come back.
	Attempts *dynamoattempts.Notes
	// Source gives back what a batch could not do and buries its poison. It has a breaker of its own: when sends fail,
	// a message must still come back soon and not after the whole visibility timeout.
	Source *sqssend.Sender
}

// NewSeatGroup builds the clients. They dial on first use.
func NewSeatGroup(p Process, s Stores, urls map[message.Queue]string) SeatGroup {
	redisclient.LogLibrary(p.Log)
	dynamo, queues := dynamodb.NewFromConfig(p.AWS), sqs.NewFromConfig(p.AWS)
	dynamoBreaker := p.Breaker("dynamodb", nil)
	cache, cacheBreaker := redisclient.NewClient(s.RedisAddress, s.RedisUser, s.RedisPassword), p.Breaker("redis", nil)
	g := SeatGroup{
		Holds: redishold.New(cache, cacheBreaker, redishold.Options{HoldFor: s.HoldFor()}),
		Orders: dynamoorder.New(dynamo, dynamoorder.Tables{
			Orders: s.OrdersTable, Tickets: s.TicketsTable, Groups: s.GroupsTable, Allowances: s.AllowancesTable,
		}, dynamoBreaker),
		Catalogue: dynamocatalogue.New(dynamo, dynamocatalogue.Tables{
			Concerts: s.ConcertsTable, Layouts: s.LayoutsTable,
		}, dynamoBreaker, p.Now),
		Sender:   sqssend.NewShared(sqssend.New(queues, urls, p.Breaker("sqs", sqssend.Healthy)), sqssend.SharedOptions{}),
		Attempts: dynamoattempts.New(dynamo, s.DeadLettersTable, dynamoBreaker, p.Now),
		Source:   sqssend.New(queues, nil, p.Breaker("sqs-source", sqssend.Healthy)),
		Pace:     redisclient.NewPace(cache, cacheBreaker, redisclient.Decisions, p.Now),
	}
	g.Loader = rebuild.New(g.Orders, g.Orders, g.Catalogue, g.Holds, p.Meter, rebuild.Options{})
	return g
}

// Ending is what follows an order's end without a ticket.
func (g SeatGroup) Ending() ended.Ending {
	return ended.Ending{Holds: g.Holds, Loader: g.Loader, Sender: g.Sender}
}

// Batches is the Lambda handler of a seat group's queue. runs may be nil.
func (g SeatGroup) Batches(p Process, handler sqsbatch.Handler, runs *sqsbatch.Runs, source Source, bury sqsbatch.Bury) *sqsbatch.Batches {
	return sqsbatch.New(handler, g.Source.At(source.QueueURL), bury, sqsbatch.Options{
		Runs: runs, Attempts: g.Attempts, Share: g.Sender.Batch, Logger: p.Log, Meter: p.Meter, Now: p.Now,
	})
}

// Breaker makes a breaker that reports when it opens and closes.
func (p Process) Breaker(dependency string, isSuccessful func(error) bool) retry.Breaker {
	return retry.NewBreaker(dependency, retry.BreakerOptions{
		IsSuccessful: isSuccessful,
		Now:          p.Now,
		OnStateChange: func(name, from, to string) {
			p.Log.Warn("breaker changed", telemetry.KeyDependency, name, telemetry.KeyBreakerFrom, from, telemetry.KeyBreakerTo, to)
			if to == "open" {
				p.Meter.Put(telemetry.BreakerOpened, 1, telemetry.Dimension{Name: telemetry.KeyDependency, Value: name})
			}
		},
	})
}
