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

// Releaser releases the seats that an order holds. See Holds.Release.
type Releaser interface {
	Release(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, version int) (holds.Release, error)
}

// Ending does the steps after the end of an order without a ticket: it releases the seats and voids the authorisation. It is safe
// for concurrent use, and each step may be repeated.
type Ending struct {
	Seats  Releaser
	Sender Sender
	// Log gets a line for each release that is left to mirror. nil means no log.
	Log *slog.Logger
}

// Finish releases the seats of an ended row under its version, and sends VoidPayment if the row has a PaymentIntent. The caller
// has written the row's end before, so no payment can commit the order in between.
//
// The buyer's money does not wait for Redis. If the result of the release is unknown, the breaker is open, or the group is not
// loaded and cannot be loaded, Finish sends the void and returns nil: the end of the row is a version, which mirror applies to
// Redis as soon as the group is reachable. If the release returns poison, Finish returns it after it has sent the void.
//
// A row without a PaymentIntent needs no void: its buyer never got a client secret, and an OpenPayment that is being handled
// finds the row ended and cancels the PaymentIntent that it has created.
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

// Release releases the seats that a group holds for an order, under the version of the order's row.
func Release(ctx context.Context, r Releaser, g seatstate.GroupVersion, id contracts.OrderID, version int) error {
	if _, err := r.Release(ctx, g, id, version); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}

// void sends VoidPayment if the row has a PaymentIntent.
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
