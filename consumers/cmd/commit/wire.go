package main

import (
	"context"

	"boxoffice/consumers/internal/boot"
	"boxoffice/consumers/internal/commit"
	"boxoffice/consumers/internal/sale"
	"boxoffice/contracts/message"
)

type config struct {
	boot.Stores
	boot.Source
	OrdersQueueURL   string              `env:"ORDERS_QUEUE_URL,notEmpty"`
	PaymentsQueueURL string              `env:"PAYMENTS_QUEUE_URL,notEmpty"`
	PaymentMode      message.PaymentMode `env:"PAYMENT_MODE,notEmpty"`
}

func wire(_ context.Context, p boot.Process, c config) (any, error) {
	g := boot.NewSeatGroup(p, c.Stores, map[message.Queue]string{
		message.QueueOrders: c.OrdersQueueURL, message.QueuePayments: c.PaymentsQueueURL,
	})
	dispatcher := commit.Dispatcher{
		Authorized: commit.Authorized{
			Orders: g.Orders, Seller: sale.Seller{Rows: g.Orders, Holds: g.Holds, Loader: g.Loader, Sender: g.Sender}, Ending: g.Ending(),
			Catalogue: g.Catalogue, Sender: g.Sender, Mode: c.PaymentMode, Meter: p.Meter, Now: p.Now,
		},
		Declined: commit.Declined{Orders: g.Orders},
	}
	// What is poison here is kept; the order's payment is found again by its row.
	return g.Batches(p, dispatcher.Handle, nil, c.Source, g.Source.At(c.DeadLetterURL).Copy).Handle, nil
}
