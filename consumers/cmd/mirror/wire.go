package main

import (
	"context"

	"boxoffice/consumers/internal/boot"
	"boxoffice/consumers/internal/mirror"
	"boxoffice/consumers/internal/streambatch"
	"boxoffice/contracts/message"
)

type config struct {
	boot.Stores
	OrdersQueueURL string `env:"ORDERS_QUEUE_URL,notEmpty"`
}

func wire(_ context.Context, p boot.Process, c config) (any, error) {
	g := boot.NewSeatGroup(p, c.Stores, map[message.Queue]string{message.QueueOrders: c.OrdersQueueURL})
	m := mirror.Mirror{
		Rows: g.Orders, Holds: g.Holds, Catalogue: g.Catalogue, Loader: g.Loader, Sender: g.Sender,
		Log: p.Log, Meter: p.Meter, Now: p.Now,
	}
	return streambatch.New(m.Handle, streambatch.Options{Logger: p.Log, Meter: p.Meter}).Handle, nil
}
