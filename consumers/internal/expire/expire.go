// Package expire handles ExpireHold: it ends an order whose hold has expired. This is how seats normally become free again; the
// entry in Redis expires later, as a backstop.
//
// The row ends before the seats are released, so no payment can commit the order after its seats are free. A message may be
// early, late or repeated: the handler relies only on the row. It needs the rows, the seat groups in Redis (seats.Ending) and a
// clock.
package expire

import (
	"context"
	"errors"
	"fmt"
	"time"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/seats"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/telemetry"
)

// Orders are the rows of orders. Its methods are safe for concurrent use and block no longer than their context allows.
type Orders interface {
	// Read is a consistent read; found is false if there is no such row.
	Read(ctx context.Context, id contracts.OrderID) (o order.Order, found bool, err error)
	// Update atomically replaces the row before with its next version after. It returns retry.ErrMoved if the stored row is no
	// longer before; then nothing is written. After any other error the row may have been written.
	Update(ctx context.Context, before, after order.Order) error
}

// Expire handles ExpireHolds. It is safe for concurrent use.
type Expire struct {
	Orders Orders
	Ending seats.Ending
	Meter  *telemetry.Meter
	Now    func() time.Time
}

// earlyMargin is added to the remaining time of a hold when its message is early, so that the next delivery is not early again.
const earlyMargin = time.Second

// Handle decodes and handles one message of the queue.
func (h Expire) Handle(ctx context.Context, d message.Delivery) error {
	decoded, err := message.Decode(d.Body)
	if err != nil {
		return err
	}
	m, ok := decoded.(message.ExpireHold)
	if !ok {
		return retry.Poison("misrouted", fmt.Errorf("%s is not for this queue", decoded.Kind()))
	}
	return h.HandleMessage(ctx, d, m)
}

// HandleMessage handles one ExpireHold from any queue. If the hold has not expired, the error asks for a delay until it has.
func (h Expire) HandleMessage(ctx context.Context, d message.Delivery, m message.ExpireHold) error {
	return retry.Reread(func() error { return h.readAndExpire(ctx, d, m) })
}

// readAndExpire does the steps from the read of the row on. It returns retry.ErrMoved if the row changed after the read.
func (h Expire) readAndExpire(ctx context.Context, d message.Delivery, m message.ExpireHold) error {
	row, found, err := h.Orders.Read(ctx, m.OrderID)
	if err != nil {
		return fmt.Errorf("read row: %w", err)
	}
	if !found {
		// PlaceOrder writes the row before it sends this message, so the message is not from here. It must not stop its group.
		return retry.Refused("no_row")
	}
	switch {
	case row.Status.Open():
		expired, err := row.Expire(order.Cause{Kind: message.KindExpireHold, MessageID: d.MessageID, At: contracts.InstantOf(h.Now())})
		if errors.Is(err, order.ErrHoldNotOver) {
			remaining := row.ExpiresFrom().Time().Sub(h.Now())
			return retry.WithDelay(max(remaining, 0)+earlyMargin, err)
		}
		if err != nil {
			return retry.Poison("transition", err)
		}
		if err := h.Orders.Update(ctx, row, expired); err != nil {
			return fmt.Errorf("row EXPIRED: %w", err)
		}
		h.Meter.Put(telemetry.HoldsExpired, 1)
		return h.Ending.Finish(ctx, expired)
	case row.Status.EndedUnpaid():
		// An earlier delivery or another handler ended the row. The steps after it may be missing.
		return h.Ending.Finish(ctx, row)
	default:
		return nil
	}
}
