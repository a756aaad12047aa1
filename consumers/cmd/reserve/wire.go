package main

import (
	"context"

	"boxoffice/consumers/internal/boot"
	"boxoffice/consumers/internal/rebuild"
	"boxoffice/consumers/internal/reserve"
	"boxoffice/contracts/message"
)

type config struct {
	boot.Stores
	boot.Source
	ExpiriesQueueURL string `env:"EXPIRIES_QUEUE_URL,notEmpty"`
}

func wire(_ context.Context, p boot.Process, c config) (any, error) {
	g := boot.NewSeatGroup(p, c.Stores, map[message.Queue]string{message.QueueExpiries: c.ExpiriesQueueURL})
	dispatcher := reserve.Dispatcher{
		Place: reserve.Place{
			Holds: g.Holds, Orders: g.Orders, Catalogue: g.Catalogue, Loader: g.Loader, Sender: g.Sender,
			Meter: p.Meter, Now: p.Now,
		},
		Rebuild: rebuild.Handler{Presence: g.Holds, Loader: g.Loader},
	}
	burial := reserve.Burial{Orders: g.Orders, DeadLetters: g.Source.At(c.DeadLetterURL), Now: p.Now}
	return p.Batches(dispatcher.Handle, g.Source.At(c.QueueURL), burial.Bury).Handle, nil
}
