package main

import (
	"context"

	"boxoffice/consumers/internal/boot"
	"boxoffice/consumers/internal/expire"
)

type config struct {
	boot.Stores
	boot.Source
}

func wire(_ context.Context, p boot.Process, c config) (any, error) {
	g := boot.NewSeatGroup(p, c.Stores, nil)
	handler := expire.Expire{Orders: g.Orders, Holds: g.Holds, Loader: g.Loader, Meter: p.Meter, Now: p.Now}
	// A poisoned ExpireHold promises nobody an answer; what is still open past its end is found by its row.
	return g.Batches(p, handler.Handle, nil, c.Source, g.Source.At(c.DeadLetterURL).Copy).Handle, nil
}
