package seats

import (
	"context"
	"fmt"
	"log/slog"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/telemetry"
)

// Releaser frees what is held by an order under its row's version, never what is sold.
type Releaser interface {
	Release(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, version int) (holds.Release, error)
}

// Ending does what follows when an order has ended without a ticket: its seats become free, and then its authorisation is
// voided. The row has ended before, so nothing can commit meanwhile; each step may be repeated. It is safe for concurrent use.
type Ending struct {
	Seats  Releaser
	Sender Sender
	// Log gets a line for each release that is left to mirror. nil: no log.
	Log *slog.Logger
}

// Finish gives the seats of an ended row back under its version, and has its PaymentIntent voided.
//
// The buyer's money does not wait for Redis. Where `release` has no answer, the breaker is open, or the group is not loaded
// and could not be loaded, the void is sent all the same and the caller is done: the row's end is a version, which mirror
// applies to Redis as soon as the group can be reached. What no attempt can cure stays poison, after the void.
//
// A row without a PaymentIntent needs no void: its buyer was never shown a client secret, and an OpenPayment that is under
// way finds the row ended and cancels what it made.
func (e Ending) Finish(ctx context.Context, row order.Order) error {
	released := Release(ctx, e.Seats, row.GroupVersion(), row.OrderID, row.Version)
	if err := e.void(ctx, row); err != nil {
		return err
	}
	if released == nil || retry.IsPoison(released) {
		return released
	}
	if e.Log != nil {
		e.Log.WarnContext(ctx, "release is left to mirror", telemetry.KeyOrder, row.OrderID, telemetry.KeySeatGroup, row.SeatGroup().Key(), telemetry.KeyError, released.Error())
	}
	return nil
}

// Release frees what a group holds for an order, under its row's version.
func Release(ctx context.Context, r Releaser, g seatstate.GroupVersion, id contracts.OrderID, version int) error {
	if _, err := r.Release(ctx, g, id, version); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}

func (e Ending) void(ctx context.Context, row order.Order) error {
	if row.Payment == nil || row.Payment.IntentID == "" {
		return nil
	}
	void, err := message.Encode(message.VoidPayment{
		OrderID: row.OrderID, ConcertID: row.ConcertID, Group: row.Group, RowVersion: row.Version,
	}, "")
	if err != nil {
		return fmt.Errorf("encode VoidPayment: %w", err)
	}
	if err := e.Sender.Send(ctx, void); err != nil {
		return fmt.Errorf("send VoidPayment: %w", err)
	}
	return nil
}
