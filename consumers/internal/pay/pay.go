// Package pay handles the messages of payments.fifo, each order's in their order. It is the only code that has Stripe's key. No
// message that is ordered by seat group waits for it.
//
// open.go makes the PaymentIntent of a held order, capture.go takes the money of a committed one, void.go cancels an
// authorisation, check.go reads the state of a payment, events.go fetches events that were not delivered, and ledger.go compares
// Stripe's PaymentIntents with rows and tickets by the rules of difference.go. The last two read lists by pages.go.
//
// The row decides, not the message: pay captures only for a row that is COMMITTED, and cancels only what pays no order.
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

// Orders stores the rows of orders, and the tickets of those that are paid. It is safe for concurrent use.
type Orders interface {
	// Read reads a row consistently; found is false if there is none.
	Read(ctx context.Context, id contracts.OrderID) (o order.Order, found bool, err error)
	// Update writes the next version of a row if the stored one is still before; else it returns retry.ErrMoved. After any
	// other error it is not known whether the version is written.
	Update(ctx context.Context, before, after order.Order) error
	// Withdraw is Update that also deletes the tickets of all seats in the same transaction. It returns retry.ErrMoved also
	// if one of them is not the order's.
	Withdraw(ctx context.Context, before, after order.Order) error
}

// Sender sends messages. A nil error means that the queue has all of them.
type Sender interface {
	Send(ctx context.Context, messages ...message.Encoded) error
}

// Pace publishes the lag of payments, for the function that takes orders.
type Pace interface {
	// Leave stores the lag since sentAt, the instant at which the queue took a message, 0 if that is not known. It reports no
	// error: the lag is a hint.
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
	// Environment is in the metadata of every PaymentIntent. Environments may share an account, and this one ignores the events
	// of others.
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
		err := h.actOnRow(ctx, d, m.OrderID, message.KindOpenPayment, h.open)
		h.reportLag(ctx, d, err)
		return err
	case message.CapturePayment:
		return h.actOnRow(ctx, d, m.OrderID, message.KindCapturePayment, h.capture)
	case message.VoidPayment:
		return h.actOnRow(ctx, d, m.OrderID, message.KindVoidPayment, func(ctx context.Context, row order.Order, c order.Cause) error {
			return h.void(ctx, row, m.PaymentIntentID)
		})
	case message.CheckPayment:
		return h.actOnRow(ctx, d, m.OrderID, message.KindCheckPayment, func(ctx context.Context, row order.Order, c order.Cause) error {
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

// reportLag reports the lag of a buyer who waits to pay: how long the message was in the queue, or how long it has failed so far.
// A message that succeeds after a redelivery reports nothing, since its trouble is over.
func (h Pay) reportLag(ctx context.Context, d message.Delivery, err error) {
	if d.ReceiveCount <= 1 || retry.IsRetryable(err) {
		h.Pace.Leave(ctx, d.SentAt)
	}
}

// actOnRow reads the row and calls act with it, again if the row changes before act has written it.
func (h Pay) actOnRow(ctx context.Context, d message.Delivery, id contracts.OrderID, kind message.Kind, act func(context.Context, order.Order, order.Cause) error) error {
	return retry.Reread(func() error {
		row, found, err := h.Orders.Read(ctx, id)
		if err != nil {
			return fmt.Errorf("read row: %w", err)
		}
		if !found {
			// A row comes before every one of these messages, so this message is not ours, and the queue does not wait for it.
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

// callError is the error of a failed call for which a step has no rule of its own.
func callError(step string, err error) error {
	err = fmt.Errorf("%s: %w", step, err)
	if failureOf(err) == FailureBug {
		return retry.Poison("provider_refuses", err)
	}
	return err
}

// errAnotherKey asks for another attempt, under the next key.
var errAnotherKey = errors.New("the key repeats a failure without effect: the next attempt has another key")

// nextKey writes to the row that the next attempt of a step has another key, and returns the error that asks for that attempt.
func (h Pay) nextKey(ctx context.Context, row order.Order, s order.Step) error {
	if err := h.update(ctx, row, row.NextAttempt(s)); err != nil {
		return err
	}
	return errAnotherKey
}
