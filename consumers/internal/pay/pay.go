// Package pay handles payments.fifo, in the order of each order's messages. It is the only code that has Stripe's key, and
// nothing that is ordered by seat waits for it.
//
// open.go makes the PaymentIntent of a held order, capture.go takes the money of a committed one, void.go gives an
// authorisation back, check.go looks how a payment stands, events.go fetches what was not delivered, ledger.go compares what Stripe has with rows and
// tickets by the rules of difference.go, both page by page as pages.go says.
// Each acts by the row and not by the message: money is taken only for a row that is COMMITTED, and given back only for one
// that has ended.
package pay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/telemetry"
)

// Orders are the rows, with the tickets of those that are paid.
type Orders interface {
	// Read is a consistent read; found is false when there is no such row.
	Read(ctx context.Context, id contracts.OrderID) (o order.Order, found bool, err error)
	// Update writes the next version of a row if the stored one is still before; else it returns retry.ErrMoved. Any other
	// error leaves open whether it is written.
	Update(ctx context.Context, before, after order.Order) error
	// Withdraw is Update that also deletes the tickets of all seats in the same transaction. It returns retry.ErrMoved also
	// if one of them is not the order's.
	Withdraw(ctx context.Context, before, after order.Order) error
}

// Sender sends messages; a nil error means that the queue has all of them.
type Sender interface {
	Send(ctx context.Context, messages ...message.Encoded) error
}

// Pace leaves how far payments are behind their queue, for those who take orders. sentAt is when the queue took a message,
// 0 if that is not known.
type Pace interface {
	Leave(ctx context.Context, sentAt contracts.Instant)
}

// Pay is safe for concurrent use.
type Pay struct {
	Orders   Orders
	Books    Books
	Notes    Notes
	Provider Provider
	Sender   Sender
	Pace     Pace
	// Environment is told in the metadata of every PaymentIntent: events of another one that shares the account are not
	// ours.
	Environment string
	Log         *slog.Logger
	Meter       *telemetry.Meter
	Now         func() time.Time
}

// Handle decodes and handles one message of payments.fifo.
func (h Pay) Handle(ctx context.Context, d message.Delivery) error {
	decoded, err := message.Decode(d.Body)
	if err != nil {
		return err
	}
	switch m := decoded.(type) {
	case message.OpenPayment:
		err := h.step(ctx, d, m.OrderID, message.KindOpenPayment, h.open)
		h.leave(ctx, d, err)
		return err
	case message.CapturePayment:
		return h.step(ctx, d, m.OrderID, message.KindCapturePayment, h.capture)
	case message.VoidPayment:
		return h.step(ctx, d, m.OrderID, message.KindVoidPayment, func(ctx context.Context, row order.Order, c order.Cause) error {
			return h.void(ctx, row, m.PaymentIntentID)
		})
	case message.CheckPayment:
		return h.step(ctx, d, m.OrderID, message.KindCheckPayment, func(ctx context.Context, row order.Order, c order.Cause) error {
			return h.check(ctx, row, m, c)
		})
	case message.FetchEvents:
		return h.fetch(ctx, m)
	case message.AuditLedger:
		return h.audit(ctx, m)
	default:
		return retry.Poison("misrouted", fmt.Errorf("%s is not for this queue", decoded.Kind()))
	}
}

// leave leaves the lag of a buyer who waits to pay: how long the message was in the queue, or how long it has been trying
// in vain. One that was received before and is done now leaves none: it tells of a trouble that is over.
func (h Pay) leave(ctx context.Context, d message.Delivery, err error) {
	if d.ReceiveCount <= 1 || retry.IsRetryable(err) {
		h.Pace.Leave(ctx, d.SentAt)
	}
}

// step reads the row and acts by it, again where the row has changed under it.
func (h Pay) step(ctx context.Context, d message.Delivery, id contracts.OrderID, kind message.Kind, act func(context.Context, order.Order, order.Cause) error) error {
	return retry.Reread(func() error {
		row, found, err := h.Orders.Read(ctx, id)
		if err != nil {
			return fmt.Errorf("read row: %w", err)
		}
		if !found {
			// Every step follows a row, so this is none of ours; the queue does not wait for it.
			return retry.Poison("no_row", errors.New("no row of the order"))
		}
		return act(ctx, row, order.Cause{Kind: kind, MessageID: d.MessageID, At: contracts.InstantOf(h.Now())})
	})
}

// update writes the next version of a row.
func (h Pay) update(ctx context.Context, before, after order.Order) error {
	if err := h.Orders.Update(ctx, before, after); err != nil {
		return fmt.Errorf("row %s: %w", after.Status, err)
	}
	return nil
}

// failed is the error of a failed call for which a step has no rule of its own.
func failed(step string, err error) error {
	err = fmt.Errorf("%s: %w", step, err)
	if failureOf(err) == FailureBug {
		return retry.Poison("provider_refuses", err)
	}
	return err
}

// errAnotherKey asks for another attempt, under the next key.
var errAnotherKey = errors.New("the key repeats a failure without effect: the next attempt has another")

// nextKey notes in the row that the next attempt of a step has another key, and returns the message.
func (h Pay) nextKey(ctx context.Context, row order.Order, s order.Step) error {
	if err := h.update(ctx, row, row.NextAttempt(s)); err != nil {
		return err
	}
	return errAnotherKey
}
