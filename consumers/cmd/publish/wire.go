package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"boxoffice/consumers/internal/boot"
	"boxoffice/consumers/internal/eventbus"
	"boxoffice/consumers/internal/publish"
	"boxoffice/consumers/internal/streambatch"
)

type config struct {
	BusName string `env:"BUS_NAME,notEmpty"`
}

func wire(_ context.Context, p boot.Process, c config) (any, error) {
	publisher := publish.Publisher{
		Bus: eventbus.New(eventbridge.NewFromConfig(p.AWS), c.BusName, p.Breaker("eventbridge", nil)),
		Log: p.Log, Meter: p.Meter,
	}
	return streambatch.New(publisher.Handle, streambatch.Options{Logger: p.Log, Meter: p.Meter}).Handle, nil
}
