// Package expire handles ExpireHold: it ends an order whose hold ran out. The row ends first, so that nothing can
// commit any more; only then are the seats given back. It is the normal way seats become free again; the entry in
// Redis lapses later and is the backstop.
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

// Orders are the rows.
type Orders interface {
	// Read is a consistent read; found is false when there is no such row.
	Read(ctx context.Context, id contracts.OrderID) (o order.Order, found bool, err error)
	// Update writes the next version of a row if the stored one is still before; else it returns retry.ErrMoved. Any other
	// error leaves open whether it is written.
	Update(ctx context.Context, before, after order.Order) error
}

// Expire handles one ExpireHold. It relies on nothing but the row: the message may be early, late or repeated.
type Expire struct {
	Orders Orders
	Ending seats.Ending
	Meter  *telemetry.Meter
	Now    func() time.Time
}

// early is added to what is left of a hold when its message comes too soon, so that it does not come too soon again.
const early = time.Second

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

// HandleMessage handles one ExpireHold, from whichever queue it came.
func (h Expire) HandleMessage(ctx context.Context, d message.Delivery, m message.ExpireHold) error {
	return retry.Reread(func() error { return h.once(ctx, d, m) })
}

// once does the steps from the read of the row on.
func (h Expire) once(ctx context.Context, d message.Delivery, m message.ExpireHold) error {
	row, found, err := h.Orders.Read(ctx, m.OrderID)
	if err != nil {
		return fmt.Errorf("read row: %w", err)
	}
	if !found {
		// Its PlaceOrder wrote the row before it sent this message, so it is not ours: never a stalled group for it.
		return retry.Refused("no_row")
	}
	switch {
	case row.Status.Open():
		expired, err := row.Expire(order.Cause{Kind: message.KindExpireHold, MessageID: d.MessageID, At: contracts.InstantOf(h.Now())})
		if errors.Is(err, order.ErrHoldNotOver) {
			rest := row.ExpiresFrom().Time().Sub(h.Now())
			return retry.WithDelay(max(rest, 0)+early, err)
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
		return h.Ending.Finish(ctx, row)
	default:
		return nil
	}
}
