package main

import (
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"boxoffice/contracts/topology"
	"boxoffice/producers/internal/boot"
	"boxoffice/producers/internal/catalogue"
	"boxoffice/producers/internal/dynamoread"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/orderid"
	"boxoffice/producers/internal/queries"
	"boxoffice/producers/internal/redisread"
)

type config struct {
	boot.Reads
	PublishableKey string `env:"STRIPE_PUBLISHABLE_KEY,notEmpty"`
}

func wire(p boot.Process, c config) (map[string]httpapi.Handler, error) {
	ids, err := orderid.New(c.HomeRegionLetter, c.OrderIDSecrets)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(c.PublishableKey, "pk_") {
		return nil, errors.New("STRIPE_PUBLISHABLE_KEY is none, and every buyer would be shown it: pk_… is wanted")
	}
	all, err := topology.Load()
	if err != nil {
		return nil, err
	}
	redisread.LogLibrary(p.Log)
	rows := dynamoread.New(dynamodb.NewFromConfig(p.AWS), dynamoread.Tables{Orders: c.OrdersTable, Concerts: c.ConcertsTable, Layouts: c.LayoutsTable})
	seats := redisread.New(redisread.NewClient(c.RedisAddress, c.RedisUser, c.RedisPassword), p.Now)
	order := queries.Order{Rows: rows, Owners: ids, Pacer: seats, PublishableKey: c.PublishableKey, Log: p.Log}
	concerts := queries.Concerts{Catalogue: catalogue.New(rows, p.Now), Log: p.Log, Now: p.Now}
	availability := queries.Availability{Concerts: concerts, SeatMaps: seats}
	return map[string]httpapi.Handler{
		"GET /api/orders/{orderId}":                  order.Handle,
		"GET /api/concerts":                          concerts.List,
		"GET /api/concerts/{concertId}":              concerts.Detail,
		"GET /api/concerts/{concertId}/layout":       concerts.Layout,
		"GET /api/concerts/{concertId}/availability": availability.Handle,
		topology.DefaultRoute:                        httpapi.Fallback(httpapi.AllRoutes(all)),
	}, nil
}
