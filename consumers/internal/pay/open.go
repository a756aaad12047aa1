package pay

import (
	"context"
	"errors"
	"fmt"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/stripeevent"
	"boxoffice/contracts/telemetry"
)

// open makes the PaymentIntent of a held order and notes it in the row. Only then is its client secret shown to the buyer.
//
// A replayed failure gets the next key without a look: what such a call may have left behind is a PaymentIntent whose
// secret nobody was ever shown, so nobody can pay it. The audit of the ledger has it cancelled once the order has ended or is
// paid.
func (h Pay) open(ctx context.Context, row order.Order, c order.Cause) error {
	if row.Status != contracts.Held {
		return nil
	}
	made, err := h.Provider.Create(ctx, h.key("pi", row.OrderID, row.Attempt(order.StepOpen)), h.params(row))
	switch failure := failureOf(err); {
	case err == nil:
	case failure == FailureReplayed:
		return h.nextKey(ctx, row, order.StepOpen)
	case failure == FailureUnknown:
		return failed("create", err)
	default:
		// The same request would be refused again: the seats are of use to another buyer.
		h.Log.ErrorContext(ctx, "PaymentIntent refused", telemetry.KeyOrder, row.OrderID, telemetry.KeyError, err.Error())
		h.Meter.Put(telemetry.PaymentsRefused, 1)
		return h.refuse(ctx, row, c)
	}
	awaiting, err := row.AwaitPayment(made.ID, made.ClientSecret, c)
	if err != nil {
		return retry.Poison("transition", err)
	}
	if err = h.update(ctx, row, awaiting); errors.Is(err, retry.ErrMoved) {
		return h.orphan(ctx, row, made)
	}
	return err
}

// refuse ends an open order whose payment can no longer be made. The allowance goes back in the transaction of the row, and
// mirror gives the seats back.
func (h Pay) refuse(ctx context.Context, row order.Order, c order.Cause) error {
	rejected, err := row.Reject(contracts.ReasonPaymentRefused, nil, c)
	if err != nil {
		return retry.Poison("transition", err)
	}
	return h.update(ctx, row, rejected)
}

// orphan is a PaymentIntent whose row has moved on: of an order that has ended it is cancelled. That is tidiness and is tried
// once, since nobody was shown its secret. Of any other the row is read again.
func (h Pay) orphan(ctx context.Context, row order.Order, made Created) error {
	now, found, err := h.Orders.Read(ctx, row.OrderID)
	if err != nil {
		return fmt.Errorf("read row: %w", err)
	}
	if !found || !now.Status.Dead() {
		return retry.ErrMoved
	}
	if _, err := h.Provider.Cancel(ctx, voidKey(made.ID, now.Attempt(order.StepVoid)), made.ID); err != nil {
		h.Log.WarnContext(ctx, "PaymentIntent left behind", telemetry.KeyOrder, row.OrderID, telemetry.KeyError, err.Error())
	}
	return nil
}

// params of the PaymentIntent of an order, by the row alone.
func (h Pay) params(row order.Order) CreateParams {
	return CreateParams{Amount: *row.Amount, Metadata: map[string]string{
		stripeevent.MetadataEnvironment: h.Environment, stripeevent.MetadataOrder: string(row.OrderID),
		stripeevent.MetadataConcert: row.ConcertID, stripeevent.MetadataGroup: row.Group,
	}}
}
