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

// giveUp cancels a held order; another buyer has its seats as soon as it is CANCELLED.
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
	over, err := dana.WaitFor(ctx, held.OrderID, func(o apiclient.Order) bool { return o.Status.Settled() })
	if err != nil {
		return err
	}
	d.sayf("   DELETE /api/orders/%s: 202, and then:", held.OrderID)
	d.timeline(over)
	if over.Status != contracts.Cancelled {
		return fmt.Errorf("the order is %s, not CANCELLED", over.Status)
	}
	_, err = d.hold(ctx, emil, seats)
	return err
}

// freeWithin is how long after the end of a hold its seats may still be shown as held.
const freeWithin = 25 * time.Second

// runOut lets the hold of an order end; when the seat map shows its seats free, another buyer has them.
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
	d.sayf("   The seat map shows them held. Waiting for the end of the hold, and the %s that clocks may differ by.", seatstate.ExpireAfter)
	over, err := fay.WaitFor(ctx, held.OrderID, func(o apiclient.Order) bool { return o.Status.Settled() })
	if err != nil {
		return err
	}
	d.sayf("   GET /api/orders/%s:", held.OrderID)
	d.timeline(over)
	if over.Status != contracts.Expired {
		return fmt.Errorf("the order is %s, not EXPIRED", over.Status)
	}
	if err := d.awaitShown(ctx, seats, seatstate.Free); err != nil {
		return err
	}
	d.sayf("   The seat map shows them free, %s after the end of the hold.", since(over.HoldExpiresAt.Time()))
	_, err = d.hold(ctx, gus, seats)
	return err
}
