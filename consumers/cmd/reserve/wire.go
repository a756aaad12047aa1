package main

import (
	"context"

	"boxoffice/consumers/internal/boot"
	"boxoffice/consumers/internal/expire"
	"boxoffice/consumers/internal/lambda/sqsbatch"
	"boxoffice/consumers/internal/mirror"
	"boxoffice/consumers/internal/reserve"
	"boxoffice/consumers/internal/seats"
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
		message.QueueOrders:   c.Source.QueueURL, // a best-available order is sent on; a sale tells whom it displaced
	})
	dispatcher := reserve.Dispatcher{
		Place: reserve.Place{
			Seats: g.Seats, Orders: g.Orders, Catalogue: g.Catalogue, Sender: g.Sender, Pace: g.Pace,
			Meter: p.Meter, Now: p.Now,
		},
		Cancel: reserve.Cancel{Orders: g.Orders, Ending: g.Ending(p), Now: p.Now},
		Settle: reserve.Settle{
			Seats: g.Seats, Orders: g.Orders, Tickets: g.Orders, Catalogue: g.Catalogue, Ending: g.Ending(p), Now: p.Now,
		},
		Expire: expire.Expire{Orders: g.Orders, Ending: g.Ending(p), Meter: p.Meter, Now: p.Now},
		Mirror: mirror.Mirror{
			Rows: g.Orders, Seats: g.Seats, Catalogue: g.Catalogue, Sender: g.Sender, Log: p.Log, Meter: p.Meter, Now: p.Now,
		},
		Rebuild: seats.Rebuild{Concerts: g.Catalogue, Groups: g.Seats},
	}
	runs := &sqsbatch.Runs{Joins: dispatcher.Joins, Handle: dispatcher.HandleRun}
	burial := reserve.Burial{Orders: g.Orders, DeadLetters: g.Source.At(c.DeadLetterURL), Now: p.Now}
	return g.Batches(p, dispatcher.Handle, runs, c.Source, burial.Bury).Handle, nil
}
