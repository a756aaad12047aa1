package commit

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
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/telemetry"
)

// Authorized handles PaymentAuthorized: the order's seats become its own, and then the money is asked for. An order that
// cannot have them any more is ended, and its authorisation voided. What this means for Redis is mirror's work: who paid in
// time must not lose his seats because Redis is down.
type Authorized struct {
	Orders Orders
	Sender Sender
	// Mode is the one that this environment's keys are of: another's authorisation pays for nothing here.
	Mode  message.PaymentMode
	Log   *slog.Logger
	Meter *telemetry.Meter
	Now   func() time.Time
}

// Handle handles one PaymentAuthorized. It relies on nothing but the row: the message may be late or repeated.
func (h Authorized) Handle(ctx context.Context, d message.Delivery, m message.PaymentAuthorized) error {
	return retry.Reread(func() error { return h.once(ctx, d, m) })
}

func (h Authorized) once(ctx context.Context, d message.Delivery, m message.PaymentAuthorized) error {
	row, found, err := h.Orders.Read(ctx, m.OrderID)
	if err != nil {
		return fmt.Errorf("read row: %w", err)
	}
	if !found {
		return retry.Poison("no_row", errNotOurs)
	}
	cause := order.Cause{Kind: message.KindPaymentAuthorized, MessageID: d.MessageID, At: contracts.InstantOf(h.Now())}
	switch {
	case row.Status.Open():
		return h.decide(ctx, d, row, m, cause)
	case row.Status.Dead():
		return h.void(ctx, d, row, m, "order_over")
	case row.Payment == nil || row.Payment.IntentID == "":
		// What pays it is not known, so this authorisation may be what does: it is not given back.
		return retry.Poison("paid_by_nothing", fmt.Errorf("order %s is %s without a PaymentIntent", row.OrderID, row.Status))
	case row.Payment.IntentID != m.PaymentIntentID:
		return h.second(ctx, d, row, m)
	case row.Status == contracts.Committed:
		return h.capture(ctx, d, row)
	default:
		return nil
	}
}

// decide commits an open order, or ends it: its money does not fit, it comes too late, or its seats are another's.
func (h Authorized) decide(ctx context.Context, d message.Delivery, row order.Order, m message.PaymentAuthorized, cause order.Cause) error {
	if why := h.mismatch(row, m); why != nil {
		h.Meter.Put(telemetry.InvariantsBroken, 1)
		rejected, err := row.Reject(contracts.ReasonPaymentMismatch, nil, cause)
		return h.end(ctx, d, row, rejected, err, m)
	}
	if cause.At > row.HoldExpiresAt.Add(seatstate.CommitUntil) {
		expired, err := row.Expire(cause)
		return h.end(ctx, d, row, expired, err, m)
	}
	committed, err := row.Commit(m.PaymentIntentID, cause)
	if err != nil {
		return retry.Poison("transition", err)
	}
	err = h.Orders.Commit(ctx, row, committed)
	var taken *order.SeatsTakenError
	switch {
	case errors.As(err, &taken):
		rejected, err := row.Reject(contracts.ReasonSeatLost, taken.Seats, cause)
		return h.end(ctx, d, row, rejected, err, m)
	case err != nil:
		return err
	}
	h.Meter.Put(telemetry.OrdersCommitted, 1)
	return h.capture(ctx, d, committed)
}

// errMismatch is an authorisation that is not what the order costs.
var errMismatch = errors.New("the authorisation does not match the order")

// mismatch compares what was authorised with the row, which has the price from the catalogue.
func (h Authorized) mismatch(row order.Order, m message.PaymentAuthorized) error {
	if row.Amount == nil || m.Amount != *row.Amount || m.Mode != h.Mode || m.SeatGroup() != row.SeatGroup() {
		return errMismatch
	}
	return nil
}

// end writes the ended version of an open row, and has the authorisation voided.
func (h Authorized) end(ctx context.Context, d message.Delivery, row, over order.Order, transition error, m message.PaymentAuthorized) error {
	if transition != nil {
		return retry.Poison("transition", transition)
	}
	if err := h.Orders.Update(ctx, row, over); err != nil {
		return fmt.Errorf("row %s: %w", over.Status, err)
	}
	return h.void(ctx, d, over, m, "order_over")
}

// second is for an authorisation of an order that another PaymentIntent pays. The client secret of one PaymentIntent is shown,
// so that this is nobody's who plays fair, or a fault of ours: it is an alarm. The money that is put aside for nothing goes
// back; pay voids a PaymentIntent that is not the row's own, also where the row is paid.
func (h Authorized) second(ctx context.Context, d message.Delivery, row order.Order, m message.PaymentAuthorized) error {
	h.Log.ErrorContext(ctx, "second authorization of a paid order", telemetry.KeyOrder, row.OrderID, telemetry.KeyPaymentIntent, m.PaymentIntentID, telemetry.KeyStatus, row.Status)
	h.Meter.Put(telemetry.InvariantsBroken, 1)
	return h.void(ctx, d, row, m, "second_authorization")
}

// void has the authorisation of the message given back.
func (h Authorized) void(ctx context.Context, d message.Delivery, row order.Order, m message.PaymentAuthorized, reason string) error {
	return h.send(ctx, d, message.VoidPayment{
		OrderID: row.OrderID, ConcertID: row.ConcertID, Group: row.Group, RowVersion: row.Version, PaymentIntentID: m.PaymentIntentID,
	}, retry.Refused(reason))
}

// capture asks for the money of a committed order.
func (h Authorized) capture(ctx context.Context, d message.Delivery, row order.Order) error {
	return h.send(ctx, d, message.CapturePayment{
		OrderID: row.OrderID, ConcertID: row.ConcertID, Group: row.Group, RowVersion: row.Version,
	}, nil)
}

// insistFor is how long a message is returned because its order's next step cannot be sent, from when the queue took the message;
// for ever if that is not known.
const insistFor = 10 * time.Second

// send sends the order's next step. The decision stands in the row by then, so a queue that takes nothing must not hold up the
// orders behind this one, whose buyers have paid and whose holds end: after insistFor the step is left to reconcile, which
// captures what has been COMMITTED for half a minute, and to the ledger check, which voids what pays nothing.
func (h Authorized) send(ctx context.Context, d message.Delivery, next message.Message, then error) error {
	encoded, err := message.Encode(next, "")
	if err != nil {
		return retry.Poison("encode", err)
	}
	err = h.Sender.Send(ctx, encoded)
	if err == nil {
		return then
	}
	if failed := fmt.Errorf("send %s: %w", next.Kind(), err); !retry.IsRetryable(failed) || d.SentAt == 0 || contracts.InstantOf(h.Now()) < d.SentAt.Add(insistFor) {
		return failed
	}
	h.Log.WarnContext(ctx, "next step left to reconcile", telemetry.KeyOrder, encoded.Attributes.OrderID, telemetry.KeyKind, next.Kind(), telemetry.KeyError, err.Error())
	h.Meter.Put(telemetry.StepsLeftBehind, 1)
	return then
}
