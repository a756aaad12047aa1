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

// open makes the PaymentIntent of a held order and writes it to the row. Only then the buyer sees its client secret.
//
// After a replayed failure it uses the next key without a read. Such a call may have made a PaymentIntent, but no buyer has seen
// its secret and nobody can pay it. The audit of the ledger sends its void once the order has ended or is paid.
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
		return callError("create", err)
	default:
		// The same request would be refused again, and another buyer can have the seats.
		h.Log.ErrorContext(ctx, "PaymentIntent refused", telemetry.KeyOrder, row.OrderID, telemetry.KeyError, err.Error())
		h.Meter.Put(telemetry.PaymentsRefused, 1)
		return h.rejectRefused(ctx, row, c)
	}
	awaiting, err := row.AwaitPayment(made.ID, made.ClientSecret, c)
	if err != nil {
		return retry.Poison("transition", err)
	}
	if err = h.update(ctx, row, awaiting); errors.Is(err, retry.ErrMoved) {
		return h.cancelOrphan(ctx, row, made)
	}
	return err
}

// rejectRefused ends an open order whose payment can no longer be made. The transaction of the row returns the allowance, and
// mirror releases the seats.
func (h Pay) rejectRefused(ctx context.Context, row order.Order, c order.Cause) error {
	rejected, err := row.Reject(contracts.ReasonPaymentRefused, nil, c)
	if err != nil {
		return retry.Poison("transition", err)
	}
	return h.update(ctx, row, rejected)
}

// cancelOrphan cancels a PaymentIntent that was made for a row that has ended meanwhile. It tries that once and only logs a
// failure, since no buyer has seen the secret. If the row has not ended, it returns retry.ErrMoved.
func (h Pay) cancelOrphan(ctx context.Context, row order.Order, made Created) error {
	now, found, err := h.Orders.Read(ctx, row.OrderID)
	if err != nil {
		return fmt.Errorf("read row: %w", err)
	}
	if !found || !now.Status.Dead() {
		return retry.ErrMoved
	}
	if _, err := h.Provider.Cancel(ctx, voidKey(made.ID, now.Attempt(order.StepVoid)), made.ID); err != nil {
		h.Log.WarnContext(ctx, "orphaned PaymentIntent not cancelled", telemetry.KeyOrder, row.OrderID, telemetry.KeyError, err.Error())
	}
	return nil
}

// params returns the parameters of the PaymentIntent of an order. They depend on the row alone.
func (h Pay) params(row order.Order) CreateParams {
	return CreateParams{Amount: *row.Amount, Metadata: map[string]string{
		stripeevent.MetadataEnvironment: h.Environment, stripeevent.MetadataOrder: string(row.OrderID),
		stripeevent.MetadataConcert: row.ConcertID, stripeevent.MetadataGroup: row.Group,
	}}
}
