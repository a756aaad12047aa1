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

// Authorized handles PaymentAuthorized: it writes the order's tickets and then sends CapturePayment. It ends an order that can
// no longer have its seats and sends VoidPayment. It never calls Redis, which mirror updates: a buyer who paid in time must not
// lose the seats because Redis is down.
type Authorized struct {
	Orders Orders
	Sender Sender
	// Mode is the payment mode of this environment's keys. An authorisation of the other mode pays for nothing here.
	Mode  message.PaymentMode
	Log   *slog.Logger
	Meter *telemetry.Meter
	Now   func() time.Time
}

// Handle handles one PaymentAuthorized. The row alone decides, since the message may be late or repeated.
func (h Authorized) Handle(ctx context.Context, d message.Delivery, m message.PaymentAuthorized) error {
	return retry.Reread(func() error { return h.handleOnce(ctx, d, m) })
}

func (h Authorized) handleOnce(ctx context.Context, d message.Delivery, m message.PaymentAuthorized) error {
	row, found, err := h.Orders.Read(ctx, m.OrderID)
	if err != nil {
		return fmt.Errorf("read row: %w", err)
	}
	if !found {
		return retry.Poison("no_row", errNoRow)
	}
	cause := order.Cause{Kind: message.KindPaymentAuthorized, MessageID: d.MessageID, At: contracts.InstantOf(h.Now())}
	switch {
	case row.Status.Open():
		return h.decide(ctx, d, row, m, cause)
	case row.Status.Dead():
		return h.sendVoid(ctx, d, row, m, "order_over")
	case row.Payment == nil || row.Payment.IntentID == "":
		// It is not known which PaymentIntent pays the order. It may be this one, so it is not voided.
		return retry.Poison("paid_by_nothing", fmt.Errorf("order %s is %s without a PaymentIntent", row.OrderID, row.Status))
	case row.Payment.IntentID != m.PaymentIntentID:
		return h.voidSecond(ctx, d, row, m)
	case row.Status == contracts.Committed:
		return h.sendCapture(ctx, d, row)
	default:
		return nil
	}
}

// decide commits an open order. It ends the order if the authorisation does not match it or is too late, or if another order
// owns a seat.
func (h Authorized) decide(ctx context.Context, d message.Delivery, row order.Order, m message.PaymentAuthorized, cause order.Cause) error {
	if h.mismatched(row, m) {
		h.Meter.Put(telemetry.InvariantsBroken, 1)
		rejected, err := row.Reject(contracts.ReasonPaymentMismatch, nil, cause)
		return h.endOrder(ctx, d, row, rejected, err, m)
	}
	if cause.At > row.HoldExpiresAt.Add(seatstate.CommitUntil) {
		expired, err := row.Expire(cause)
		return h.endOrder(ctx, d, row, expired, err, m)
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
		return h.endOrder(ctx, d, row, rejected, err, m)
	case err != nil:
		return err
	}
	h.Meter.Put(telemetry.OrdersCommitted, 1)
	return h.sendCapture(ctx, d, committed)
}

// mismatched says whether the authorisation differs from the row, whose amount is the price in the catalogue.
func (h Authorized) mismatched(row order.Order, m message.PaymentAuthorized) bool {
	return row.Amount == nil || m.Amount != *row.Amount || m.Mode != h.Mode || m.SeatGroup() != row.SeatGroup()
}

// endOrder writes the ended version of an open row and sends the void. transition is the error of making that version.
func (h Authorized) endOrder(ctx context.Context, d message.Delivery, row, ended order.Order, transition error, m message.PaymentAuthorized) error {
	if transition != nil {
		return retry.Poison("transition", transition)
	}
	if err := h.Orders.Update(ctx, row, ended); err != nil {
		return fmt.Errorf("row %s: %w", ended.Status, err)
	}
	return h.sendVoid(ctx, d, ended, m, "order_over")
}

// voidSecond voids an authorisation of an order that another PaymentIntent pays. The buyer sees one client secret, so an honest
// client never authorises a second PaymentIntent: this is an abuse or a fault of ours, and raises an alarm. pay voids a
// PaymentIntent that is not the row's, also if the row is paid.
func (h Authorized) voidSecond(ctx context.Context, d message.Delivery, row order.Order, m message.PaymentAuthorized) error {
	h.Log.ErrorContext(ctx, "second authorization of a paid order", telemetry.KeyOrder, row.OrderID,
		telemetry.KeyPaymentIntent, m.PaymentIntentID, telemetry.KeyStatus, row.Status)
	h.Meter.Put(telemetry.InvariantsBroken, 1)
	return h.sendVoid(ctx, d, row, m, "second_authorization")
}

// sendVoid sends VoidPayment for the authorisation of the message, and returns a refusal with the reason.
func (h Authorized) sendVoid(ctx context.Context, d message.Delivery, row order.Order, m message.PaymentAuthorized, reason string) error {
	return h.sendNext(ctx, d, message.VoidPayment{
		OrderID: row.OrderID, ConcertID: row.ConcertID, Group: row.Group, RowVersion: row.Version, PaymentIntentID: m.PaymentIntentID,
	}, retry.Refused(reason))
}

// sendCapture sends CapturePayment for a committed order.
func (h Authorized) sendCapture(ctx context.Context, d message.Delivery, row order.Order) error {
	return h.sendNext(ctx, d, message.CapturePayment{
		OrderID: row.OrderID, ConcertID: row.ConcertID, Group: row.Group, RowVersion: row.Version,
	}, nil)
}

// retrySendFor bounds how long a message is redelivered because its order's next step cannot be sent, counted from when the
// queue took the message. If that instant is not known, there is no bound.
const retrySendFor = 10 * time.Second

// sendNext sends the order's next step and returns result. The row has decided by then, so a queue that accepts nothing must
// not delay the later orders of the group, whose buyers have paid and whose holds end. After retrySendFor the step is left to
// reconcile, which captures what has been COMMITTED for half a minute, and to the audit of the ledger, which voids what pays
// nothing.
func (h Authorized) sendNext(ctx context.Context, d message.Delivery, next message.Message, result error) error {
	encoded, err := message.Encode(next, "")
	if err != nil {
		return retry.Poison("encode", err)
	}
	err = h.Sender.Send(ctx, encoded)
	if err == nil {
		return result
	}
	sendErr := fmt.Errorf("send %s: %w", next.Kind(), err)
	if !retry.IsRetryable(sendErr) || d.SentAt == 0 || contracts.InstantOf(h.Now()) < d.SentAt.Add(retrySendFor) {
		return sendErr
	}
	h.Log.WarnContext(ctx, "next step left to reconcile", telemetry.KeyOrder, encoded.Attributes.OrderID,
		telemetry.KeyKind, next.Kind(), telemetry.KeyError, err.Error())
	h.Meter.Put(telemetry.StepsLeftBehind, 1)
	return result
}
