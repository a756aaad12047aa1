package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/consumers/internal/adapters/dynamoledger"
	"boxoffice/consumers/internal/adapters/dynamoletters"
	"boxoffice/consumers/internal/adapters/dynamooverview"
	"boxoffice/consumers/internal/adapters/sqsdepths"
	"boxoffice/consumers/internal/adapters/sqsletters"
	"boxoffice/consumers/internal/boot"
	"boxoffice/consumers/internal/reconcile"
	"boxoffice/contracts/message"
	"boxoffice/contracts/topology"
)

type config struct {
	boot.Stores
	OrdersQueueURL             string `env:"ORDERS_QUEUE_URL,notEmpty"`
	PaymentsQueueURL           string `env:"PAYMENTS_QUEUE_URL,notEmpty"`
	ExpiriesQueueURL           string `env:"EXPIRIES_QUEUE_URL,notEmpty"`
	AuthorizationsQueueURL     string `env:"AUTHORIZATIONS_QUEUE_URL,notEmpty"`
	OrdersDeadQueueURL         string `env:"ORDERS_DEAD_QUEUE_URL,notEmpty"`
	ExpiriesDeadQueueURL       string `env:"EXPIRIES_DEAD_QUEUE_URL,notEmpty"`
	PaymentsDeadQueueURL       string `env:"PAYMENTS_DEAD_QUEUE_URL,notEmpty"`
	AuthorizationsDeadQueueURL string `env:"AUTHORIZATIONS_DEAD_QUEUE_URL,notEmpty"`
	NotificationsQueueURL      string `env:"NOTIFICATIONS_QUEUE_URL,notEmpty"`
	NotificationsDeadQueueURL  string `env:"NOTIFICATIONS_DEAD_QUEUE_URL,notEmpty"`
	StreamFailuresQueueURL     string `env:"STREAM_FAILURES_QUEUE_URL,notEmpty"`
	OverviewTable              string `env:"OVERVIEW_TABLE,notEmpty"`
	// StripeRequestsPerSecond is how many reads Stripe allows the account in a second.
	StripeRequestsPerSecond int `env:"STRIPE_REQUESTS_PER_SECOND,notEmpty"`
}

// checksPerRun is half of the reads that the account may make in the minute between two runs. The other half is for all other reads.
func (c config) checksPerRun() int { return max(1, c.StripeRequestsPerSecond*60/2) }

// queues returns the URL of every queue of the topology, by its name.
func (c config) queues() map[string]string {
	return map[string]string{
		"orders": c.OrdersQueueURL, "orders-dead": c.OrdersDeadQueueURL, "expiries": c.ExpiriesQueueURL, "expiries-dead": c.ExpiriesDeadQueueURL,
		"payments": c.PaymentsQueueURL, "payments-dead": c.PaymentsDeadQueueURL, "authorizations": c.AuthorizationsQueueURL,
		"authorizations-dead": c.AuthorizationsDeadQueueURL, "stream-failures": c.StreamFailuresQueueURL,
		"notifications": c.NotificationsQueueURL, "notifications-dead": c.NotificationsDeadQueueURL,
	}
}

// view returns what the overview is made from.
func (c config) view(p boot.Process, g boot.SeatGroup, letters *dynamoletters.Store) (*reconcile.View, error) {
	all, err := topology.Load()
	if err != nil {
		return nil, err
	}
	var queues []sqsdepths.Queue
	for _, q := range all.Queues {
		url, known := c.queues()[q.Name]
		if !known {
			return nil, fmt.Errorf("queue %s has no URL here", q.Name)
		}
		queues = append(queues, sqsdepths.Queue{Name: q.Name, URL: url})
	}
	return &reconcile.View{
		Store:  dynamooverview.New(dynamodb.NewFromConfig(p.AWS), c.OverviewTable, p.Breaker("overview-table", nil)),
		Depths: sqsdepths.New(sqs.NewFromConfig(p.AWS), queues, p.Breaker("queue-depths", nil)),
		Lags:   g.Lags, Letters: letters, Breakers: p.Breakers.Open, Topology: all,
	}, nil
}

func wire(_ context.Context, p boot.Process, c config) (any, error) {
	g := boot.NewSeatGroup(p, c.Stores, map[message.Queue]string{
		message.QueueOrders: c.OrdersQueueURL, message.QueuePayments: c.PaymentsQueueURL,
	})
	queues, letters := sqs.NewFromConfig(p.AWS), p.Breaker("dead-letters", nil)
	kept := dynamoletters.New(dynamodb.NewFromConfig(p.AWS), c.DeadLettersTable, p.Breaker("dead-letters-table", dynamoletters.Healthy))
	view, err := c.view(p, g, kept)
	if err != nil {
		return nil, err
	}
	r := &reconcile.Reconciler{
		Catalogue: g.Catalogue, Rows: g.Orders, Groups: g.Redis, Sender: g.Sender,
		DeadLetters: []reconcile.DeadLetterQueue{
			sqsletters.New(queues, "orders-dead", c.OrdersDeadQueueURL, letters),
			sqsletters.New(queues, "expiries-dead", c.ExpiriesDeadQueueURL, letters),
			sqsletters.New(queues, "payments-dead", c.PaymentsDeadQueueURL, letters),
			sqsletters.New(queues, "authorizations-dead", c.AuthorizationsDeadQueueURL, letters),
			sqsletters.New(queues, "notifications-dead", c.NotificationsDeadQueueURL, letters),
		},
		StreamFailures: sqsletters.New(queues, "stream-failures", c.StreamFailuresQueueURL, letters),
		Letters:        kept,
		Ledger:         dynamoledger.New(dynamodb.NewFromConfig(p.AWS), c.DeadLettersTable, letters),
		View:           view,
		ChecksPerRun:   c.checksPerRun(),
		Log:            p.Log, Meter: p.Meter, Now: p.Now,
	}
	return r.Run, nil
}
