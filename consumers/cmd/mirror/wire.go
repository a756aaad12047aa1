package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/consumers/internal/adapters/dynamocatalogue"
	"boxoffice/consumers/internal/adapters/dynamoorder"
	"boxoffice/consumers/internal/adapters/redisclient"
	"boxoffice/consumers/internal/adapters/redishold"
	"boxoffice/consumers/internal/adapters/sqssend"
	"boxoffice/consumers/internal/boot"
	"boxoffice/consumers/internal/lambda/streambatch"
	"boxoffice/consumers/internal/mirror"
	"boxoffice/contracts/message"
)

// config has what mirror needs and no more: it writes no row, loads no group and makes no hold of its own.
type config struct {
	boot.Redis
	OrdersTable    string `env:"ORDERS_TABLE,notEmpty"`
	TicketsTable   string `env:"TICKETS_TABLE,notEmpty"`
	LayoutsTable   string `env:"LAYOUTS_TABLE,notEmpty"`
	OrdersQueueURL string `env:"ORDERS_QUEUE_URL,notEmpty"`
}

func wire(_ context.Context, p boot.Process, c config) (any, error) {
	redisclient.LogLibrary(p.Log)
	dynamo, breaker := dynamodb.NewFromConfig(p.AWS), p.Breaker("dynamodb", nil)
	layouts := dynamocatalogue.New(dynamo, dynamocatalogue.Tables{Layouts: c.LayoutsTable}, breaker, p.Now)
	cache := redisclient.NewClient(c.RedisAddress, c.RedisUser, c.RedisPassword)
	p.Warm.Add("dial Redis", func(ctx context.Context) error { return redisclient.Dial(ctx, cache) })
	m := mirror.Mirror{
		Rows:      dynamoorder.New(dynamo, dynamoorder.Tables{Orders: c.OrdersTable, Tickets: c.TicketsTable}, breaker),
		Seats:     redishold.New(cache, p.RedisBreaker(), redishold.Options{Shards: redisclient.NewShards(cache, p.RedisBreaker)}),
		Catalogue: layouts,
		Sender:    sqssend.New(sqs.NewFromConfig(p.AWS), map[message.Queue]string{message.QueueOrders: c.OrdersQueueURL}, p.Breaker("sqs", sqssend.Healthy)),
		Log:       p.Log, Meter: p.Meter, Now: p.Now,
	}
	p.Warm.Add("layouts", layouts.Preload)
	return streambatch.NewHints(mirror.NewStream(m).Handle, streambatch.Options{Logger: p.Log, Meter: p.Meter}).Handle, nil
}
