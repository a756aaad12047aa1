package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/contracts/message"
	"boxoffice/contracts/stripeevent"
	"boxoffice/contracts/topology"
	"boxoffice/producers/internal/boot"
	"boxoffice/producers/internal/catalogue"
	"boxoffice/producers/internal/dynamoread"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/operations"
	"boxoffice/producers/internal/orderid"
	"boxoffice/producers/internal/queries"
	"boxoffice/producers/internal/redisread"
)

type config struct {
	boot.Reads
	// PaymentMode is the mode that the publishable key must have.
	PaymentMode      message.PaymentMode `env:"PAYMENT_MODE,notEmpty"`
	PublishableKey   string              `env:"STRIPE_PUBLISHABLE_KEY,notEmpty"`
	OverviewTable    string              `env:"OVERVIEW_TABLE,notEmpty"`
	DeadLettersTable string              `env:"DEADLETTERS_TABLE,notEmpty"`
	HoldSeconds      int                 `env:"HOLD_SECONDS,notEmpty"`
}

func wire(p boot.Process, c config) (map[string]httpapi.Handler, error) {
	ids, err := orderid.New(c.HomeRegionLetter, c.OrderIDSecrets)
	if err != nil {
		return nil, err
	}
	// Every buyer sees this key: a secret key in its place would be public.
	if err := stripeevent.CheckKey(c.PublishableKey, c.PaymentMode, stripeevent.KeyPublishable); err != nil {
		return nil, fmt.Errorf("STRIPE_PUBLISHABLE_KEY: %w", err)
	}
	all, err := topology.Load()
	if err != nil {
		return nil, err
	}
	redisread.LogLibrary(p.Log)
	rows := dynamoread.New(dynamodb.NewFromConfig(p.AWS), dynamoread.Tables{
		Orders: c.OrdersTable, Concerts: c.ConcertsTable, Layouts: c.LayoutsTable, Overview: c.OverviewTable, DeadLetters: c.DeadLettersTable,
	})
	cache := redisread.NewClient(c.RedisAddress, c.RedisUser, c.RedisPassword)
	p.Warm.Add("dial Redis", func(ctx context.Context) error { return redisread.Dial(ctx, cache) })
	plans := queries.NewPlans(rows, p.Now)
	p.Warm.Add("layouts", plans.Preload)
	seats := redisread.New(cache, p.Now)
	kept := catalogue.New(rows, p.Log, p.Now)
	order := queries.Order{
		Rows: rows, Owners: ids, Pacer: seats, Jitter: p.Jitter, PublishableKey: c.PublishableKey,
		Seatings: kept, Near: queries.NewNear(kept, kept, seats, p.Log, p.Now), Log: p.Log, Now: p.Now,
	}
	mine := queries.MyOrders{Orders: rows, Owners: ids, Concerts: kept, Seatings: kept, Jitter: p.Jitter, Log: p.Log, Now: p.Now}
	browse := queries.Browse{Listing: kept, Left: catalogue.NewSales(rows, p.Log, p.Now), HoldSeconds: c.HoldSeconds, Log: p.Log, Now: p.Now}
	concerts := queries.Concerts{Catalogue: kept, Plans: plans, Log: p.Log, Now: p.Now}
	availability := queries.NewAvailability(concerts, seats)
	overview := operations.Overview{Reader: rows, Log: p.Log, Now: p.Now}
	letters := operations.DeadLetters{Reader: rows, Log: p.Log}
	return map[string]httpapi.Handler{
		"GET /api/ops/overview":                      overview.Handle,
		"GET /api/ops/dead-letters":                  letters.Handle,
		"GET /api/orders/{orderId}":                  order.Handle,
		"GET /api/me/orders":                         mine.Handle,
		"GET /api/concerts":                          browse.List,
		"GET /api/concerts/{concertId}":              browse.Detail,
		"GET /api/concerts/{concertId}/layout":       concerts.Layout,
		"GET /api/concerts/{concertId}/availability": availability.Handle,
		topology.DefaultRoute:                        httpapi.Fallback(httpapi.AllRoutes(all)),
	}, nil
}
