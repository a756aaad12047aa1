package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"boxoffice/consumers/internal/adapters/dynamoletters"
	"boxoffice/consumers/internal/adapters/dynamooverview"
	"boxoffice/consumers/internal/adapters/eventbus"
	"boxoffice/consumers/internal/boot"
	"boxoffice/consumers/internal/lambda/streambatch"
	"boxoffice/consumers/internal/publish"
)

type config struct {
	BusName          string `env:"BUS_NAME,notEmpty"`
	DeadLettersTable string `env:"DEADLETTERS_TABLE,notEmpty"`
	OverviewTable    string `env:"OVERVIEW_TABLE,notEmpty"`
}

func wire(_ context.Context, p boot.Process, c config) (any, error) {
	publisher := publish.Publisher{
		Bus:     eventbus.New(eventbridge.NewFromConfig(p.AWS), c.BusName, p.Breaker("eventbridge", eventbus.Healthy)),
		Letters: dynamoletters.New(dynamodb.NewFromConfig(p.AWS), c.DeadLettersTable, p.Breaker("dead-letters-table", dynamoletters.Healthy)),
		Settled: dynamooverview.Settled{Store: dynamooverview.New(dynamodb.NewFromConfig(p.AWS), c.OverviewTable, p.Breaker("overview-table", nil))},
		Log:     p.Log, Meter: p.Meter, Now: p.Now,
	}
	return streambatch.New(publisher.Handle, streambatch.Options{Logger: p.Log, Meter: p.Meter}).Handle, nil
}
