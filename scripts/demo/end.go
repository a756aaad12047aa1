package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
	"boxoffice/scripts/internal/apiclient"
)

// giveUp cancels a held order. Another buyer gets its seats as soon as it is CANCELLED.
func (d demo) giveUp(ctx context.Context, seats []string) error {
	dana, err := d.buyer("dana")
	if err != nil {
		return err
	}
	emil, err := d.buyer("emil")
	if err != nil {
		return err
	}
	held, err := d.hold(ctx, dana, seats)
	if err != nil {
		return err
	}
	answer, err := dana.Do(ctx, http.MethodDelete, "/orders/"+held.OrderID, nil, nil)
	if err != nil {
		return err
	}
	if answer.Status != http.StatusAccepted {
		return fmt.Errorf("DELETE /api/orders/%s: %d %+v", held.OrderID, answer.Status, answer.Problem())
	}
	ended, err := dana.WaitFor(ctx, held.OrderID, func(o apiclient.Order) bool { return o.Status.Settled() })
	if err != nil {
		return err
	}
	d.sayf("   DELETE /api/orders/%s: 202, and then:", held.OrderID)
	d.timeline(ended)
	if ended.Status != contracts.Cancelled {
		return fmt.Errorf("the order is %s, not CANCELLED", ended.Status)
	}
	_, err = d.hold(ctx, emil, seats)
	return err
}

// freeWithin bounds how long after the end of a hold the seat map may still show its seats as held.
const freeWithin = 25 * time.Second

// runOut waits for the end of a hold. When the seat map shows its seats as free, another buyer gets them.
func (d demo) runOut(ctx context.Context, seats []string) error {
	fay, err := d.buyer("fay")
	if err != nil {
		return err
	}
	gus, err := d.buyer("gus")
	if err != nil {
		return err
	}
	held, err := d.hold(ctx, fay, seats)
	if err != nil {
		return err
	}
	if err := d.awaitShown(ctx, seats, seatstate.Held); err != nil {
		return err
	}
	d.sayf("   The seat map shows them as held. Waiting for the end of the hold, and for %s more, since clocks may differ.", seatstate.ExpireAfter)
	ended, err := fay.WaitFor(ctx, held.OrderID, func(o apiclient.Order) bool { return o.Status.Settled() })
	if err != nil {
		return err
	}
	d.sayf("   GET /api/orders/%s:", held.OrderID)
	d.timeline(ended)
	if ended.Status != contracts.Expired {
		return fmt.Errorf("the order is %s, not EXPIRED", ended.Status)
	}
	if err := d.awaitShown(ctx, seats, seatstate.Free); err != nil {
		return err
	}
	d.sayf("   The seat map shows them as free, %s after the end of the hold.", since(ended.HoldExpiresAt.Time()))
	_, err = d.hold(ctx, gus, seats)
	return err
}
