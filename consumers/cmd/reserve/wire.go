package main

import (
	"context"

	"boxoffice/consumers/internal/boot"
	"boxoffice/consumers/internal/expire"
	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/mirror"
	"boxoffice/consumers/internal/rebuild"
	"boxoffice/consumers/internal/reserve"
	"boxoffice/contracts/message"
)

type config struct {
	boot.Stores
	boot.Source
	ExpiriesQueueURL string `env:"EXPIRIES_QUEUE_URL,notEmpty"`
	PaymentsQueueURL string `env:"PAYMENTS_QUEUE_URL,notEmpty"`
}

func wire(_ context.Context, p boot.Process, c config) (any, error) {
	g := boot.NewSeatGroup(p, c.Stores, map[message.Queue]string{
		message.QueueExpiries: c.ExpiriesQueueURL,
		message.QueuePayments: c.PaymentsQueueURL,
		message.QueueOrders:   c.Source.QueueURL, // for forwarded best-available orders, and for orders that a sale has displaced
	})
	dispatcher := reserve.Dispatcher{
		Place: reserve.Place{
			Holds: g.Holds, Best: g.Holds, Orders: g.Orders, Catalogue: g.Catalogue, Loader: g.Loader, Sender: g.Sender, Pace: g.Pace,
			Meter: p.Meter, Now: p.Now,
		},
		Cancel: reserve.Cancel{Orders: g.Orders, Ending: g.Ending(p), Now: p.Now},
		Settle: reserve.Settle{
			Holds: g.Holds, Orders: g.Orders, Tickets: g.Orders, Catalogue: g.Catalogue, Loader: g.Loader, Ending: g.Ending(p), Now: p.Now,
		},
		Expire: expire.Expire{Orders: g.Orders, Ending: g.Ending(p), Meter: p.Meter, Now: p.Now},
		Mirror: mirror.Mirror{
			Rows: g.Orders, Holds: g.Holds, Catalogue: g.Catalogue, Loader: g.Loader, Sender: g.Sender, Log: p.Log, Meter: p.Meter, Now: p.Now,
		},
		Rebuild: rebuild.Handler{Concerts: g.Catalogue, Presence: g.Holds, Loader: g.Loader},
	}
	runs := &sqsbatch.Runs{Joins: dispatcher.Joins, Handle: dispatcher.HandleRun}
	burial := reserve.Burial{Orders: g.Orders, DeadLetters: g.Source.At(c.DeadLetterURL), Now: p.Now}
	return g.Batches(p, dispatcher.Handle, runs, c.Source, burial.Bury).Handle, nil
}
