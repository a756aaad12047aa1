package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/consumers/internal/adapters/dynamoattempts"
	"boxoffice/consumers/internal/adapters/dynamoledger"
	"boxoffice/consumers/internal/adapters/dynamoorder"
	"boxoffice/consumers/internal/adapters/memrate"
	"boxoffice/consumers/internal/adapters/redisclient"
	"boxoffice/consumers/internal/adapters/redisrate"
	"boxoffice/consumers/internal/adapters/sqssend"
	"boxoffice/consumers/internal/adapters/stripepay"
	"boxoffice/consumers/internal/boot"
	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/pay"
	"boxoffice/contracts/message"
	"boxoffice/contracts/stripeevent"
)

type config struct {
	boot.Source
	OrdersTable            string `env:"ORDERS_TABLE,notEmpty"`
	TicketsTable           string `env:"TICKETS_TABLE,notEmpty"`
	AllowancesTable        string `env:"ALLOWANCES_TABLE,notEmpty"`
	DeadLettersTable       string `env:"DEADLETTERS_TABLE,notEmpty"`
	RevocationsTable       string `env:"REVOCATIONS_TABLE,notEmpty"`
	AuthorizationsQueueURL string `env:"AUTHORIZATIONS_QUEUE_URL,notEmpty"`
	RedisAddress           string `env:"REDIS_ADDRESS,notEmpty"`
	RedisUser              string `env:"REDIS_USER"`
	RedisPassword          string `env:"REDIS_PASSWORD"`
	Environment            string `env:"ENVIRONMENT,notEmpty"`
	// PaymentMode is the mode that the secret key must have.
	PaymentMode     message.PaymentMode `env:"PAYMENT_MODE,notEmpty"`
	StripeSecretKey string              `env:"STRIPE_SECRET_KEY,notEmpty"`
	// StripeAPIBase replaces Stripe's own address if it is not "".
	StripeAPIBase string `env:"STRIPE_API_BASE"`
	// StripeRequestsPerSecond is how many reads, and how many writes, Stripe allows the account in a second.
	StripeRequestsPerSecond int `env:"STRIPE_REQUESTS_PER_SECOND,notEmpty"`
}

// ownShare is the share of the account's rate that a process may use while it cannot reach the shared bucket.
const ownShare = 0.1

func wire(_ context.Context, p boot.Process, c config) (any, error) {
	if err := stripeevent.CheckKey(c.StripeSecretKey, c.PaymentMode, stripeevent.KeySecret, stripeevent.KeyRestricted); err != nil {
		return nil, fmt.Errorf("STRIPE_SECRET_KEY: %w", err)
	}
	dynamo, queues, dynamoBreaker := dynamodb.NewFromConfig(p.AWS), sqs.NewFromConfig(p.AWS), p.Breaker("dynamodb", nil)
	redisclient.LogLibrary(p.Log)
	cache, cacheBreaker := redisclient.NewClient(c.RedisAddress, c.RedisUser, c.RedisPassword), p.RedisBreaker()
	p.Warm.Add("dial Redis", func(ctx context.Context) error { return redisclient.Dial(ctx, cache) })
	sender := sqssend.NewShared(sqssend.New(queues, map[message.Queue]string{
		message.QueueAuthorizations: c.AuthorizationsQueueURL,
		message.QueuePayments:       c.QueueURL, // a fetched event can need a check, an audit a void
	}, p.Breaker("sqs", sqssend.Healthy)), sqssend.SharedOptions{})
	source := sqssend.New(queues, nil, p.Breaker("sqs-source", sqssend.Healthy))
	rates := pay.Rates{Writes: c.StripeRequestsPerSecond, Reads: c.StripeRequestsPerSecond}
	orders := dynamoorder.New(dynamo, dynamoorder.Tables{
		Orders: c.OrdersTable, Tickets: c.TicketsTable, Allowances: c.AllowancesTable, Revocations: c.RevocationsTable,
	}, dynamoBreaker)
	handler := pay.Pay{
		Orders: orders, Books: orders, Notes: dynamoledger.New(dynamo, c.DeadLettersTable, dynamoBreaker),
		Provider: pay.Limited{
			Provider: stripepay.New(stripepay.Options{Key: c.StripeSecretKey, Base: c.StripeAPIBase}, p.Breaker("stripe", stripepay.Healthy), p.Log),
			Bucket:   redisrate.New(cache, cacheBreaker, redisrate.Options{Rates: rates}),
			Own:      memrate.New(rates.Share(ownShare), p.Now),
			Meter:    p.Meter,
		},
		Sender: sender, Pace: redisclient.NewPace(cache, p.RedisBreaker(), redisclient.Payments, p.Now), Environment: c.Environment, Log: p.Log, Meter: p.Meter, Now: p.Now,
	}
	// Poison is only moved to the dead-letter queue: reconcile finds the order by its row.
	queue := source.At(c.QueueURL)
	return sqsbatch.New(handler.Handle, queue, source.At(c.DeadLetterURL).Copy, sqsbatch.Options{
		Attempts: dynamoattempts.New(dynamo, c.DeadLettersTable, dynamoBreaker), Visibility: queue.Visibility, Share: sender.Batch,
		Logger: p.Log, Meter: p.Meter, Now: p.Now,
	}).Handle, nil
}
