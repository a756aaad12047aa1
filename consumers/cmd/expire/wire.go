package main

import (
	"context"

	"boxoffice/consumers/internal/boot"
	"boxoffice/consumers/internal/expire"
	"boxoffice/contracts/message"
)

type config struct {
	boot.Stores
	boot.Source
	PaymentsQueueURL string `env:"PAYMENTS_QUEUE_URL,notEmpty"`
}

func wire(_ context.Context, p boot.Process, c config) (any, error) {
	g := boot.NewSeatGroup(p, c.Stores, map[message.Queue]string{message.QueuePayments: c.PaymentsQueueURL})
	handler := expire.Expire{Orders: g.Orders, Ending: g.Ending(p), Meter: p.Meter, Now: p.Now}
	// Poison is only moved to the dead-letter queue: reconcile finds an order that is still open after its hold by its row.
	return g.Batches(p, handler.Handle, nil, c.Source, g.Source.At(c.DeadLetterURL).Copy).Handle, nil
}
