package main

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/contracts/message"
	"boxoffice/producers/internal/boot"
	"boxoffice/producers/internal/catalogue"
	"boxoffice/producers/internal/dynamoread"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/orderid"
	"boxoffice/producers/internal/orders"
	"boxoffice/producers/internal/redisread"
	"boxoffice/producers/internal/sqssend"
)

type config struct {
	boot.Reads
	AllowancesTable string `env:"ALLOWANCES_TABLE,notEmpty"`
	OrdersQueueURL  string `env:"ORDERS_QUEUE_URL,notEmpty"`
	DeadlineSeconds int    `env:"ORDER_DEADLINE_SECONDS,notEmpty"`
}

func wire(p boot.Process, c config) (map[string]httpapi.Handler, error) {
	ids, err := orderid.New(c.HomeRegionLetter, c.OrderIDSecrets)
	if err != nil {
		return nil, err
	}
	redisread.LogLibrary(p.Log)
	rows := dynamoread.New(dynamodb.NewFromConfig(p.AWS), dynamoread.Tables{Orders: c.OrdersTable, Concerts: c.ConcertsTable, Layouts: c.LayoutsTable, Allowances: c.AllowancesTable})
	queue := sqssend.New(sqs.NewFromConfig(p.AWS), map[message.Queue]string{message.QueueOrders: c.OrdersQueueURL})
	concerts := catalogue.New(rows, p.Log, p.Now)
	cache := redisread.NewClient(c.RedisAddress, c.RedisUser, c.RedisPassword)
	p.Warm.Add("dial Redis", func(ctx context.Context) error { return redisread.Dial(ctx, cache) })
	p.Warm.Add("layouts", concerts.Preload)
	place := orders.Place{
		Catalogue:     concerts,
		Seats:         redisread.New(cache, p.Now),
		Hints:         orders.NewHints(),
		Rows:          rows,
		Queue:         queue,
		IDs:           ids,
		DeadlineAfter: time.Duration(c.DeadlineSeconds) * time.Second,
		Jitter:        p.Jitter,
		Log:           p.Log, Meter: p.Meter, Now: p.Now,
	}
	cancel := orders.Cancel{Rows: rows, Queue: queue, Owners: ids, Jitter: p.Jitter, Log: p.Log}
	return map[string]httpapi.Handler{
		"POST /api/orders":             place.Handle,
		"DELETE /api/orders/{orderId}": cancel.Handle,
	}, nil
}
