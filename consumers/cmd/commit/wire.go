package main

import (
	"context"

	"boxoffice/consumers/internal/boot"
	"boxoffice/consumers/internal/commit"
	"boxoffice/contracts/message"
)

type config struct {
	boot.RowTables
	boot.Source
	PaymentsQueueURL string              `env:"PAYMENTS_QUEUE_URL,notEmpty"`
	PaymentMode      message.PaymentMode `env:"PAYMENT_MODE,notEmpty"`
}

func wire(_ context.Context, p boot.Process, c config) (any, error) {
	r := boot.NewRows(p, c.RowTables, map[message.Queue]string{message.QueuePayments: c.PaymentsQueueURL})
	dispatcher := commit.Dispatcher{
		Authorized: commit.Authorized{Orders: r.Orders, Sender: r.Sender, Mode: c.PaymentMode, Log: p.Log, Meter: p.Meter, Now: p.Now},
		Declined:   commit.Declined{Orders: r.Orders},
	}
	// Poison is only moved to the dead-letter queue: reconcile finds the order's payment by its row.
	return r.Batches(p, dispatcher.Handle, nil, c.Source, r.Source.At(c.DeadLetterURL).Copy).Handle, nil
}
