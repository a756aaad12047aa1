package pay

import (
	"context"
	"fmt"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/stripeevent"
	"boxoffice/contracts/telemetry"
)

// capture takes the money of an order that owns its seats. A no is never believed: only what the PaymentIntent shows counts,
// and tickets are withdrawn only once it can never be captured any more.
func (h Pay) capture(ctx context.Context, row order.Order, c order.Cause) error {
	if row.Status != contracts.Committed {
		return nil
	}
	id := row.Payment.IntentID
	taken, err := h.Provider.Capture(ctx, h.key("cap", row.OrderID, row.Attempt(order.StepCapture)), id)
	if err == nil {
		return h.confirm(ctx, row, taken, c)
	}
	if f := failureOf(err); f == FailureUnknown || f == FailureBug {
		return failed("capture", err)
	}
	seen, lookErr := h.Provider.Retrieve(ctx, id)
	if lookErr != nil {
		return failed("retrieve", lookErr)
	}
	switch seen.Status {
	case StatusSucceeded:
		return h.confirm(ctx, row, seen, c)
	case StatusCanceled:
		return h.revoke(ctx, row, c)
	case StatusRequiresMethod, StatusRequiresConfirm, StatusRequiresAction:
		return h.giveUp(ctx, row, c)
	case StatusRequiresCapture:
		// Nothing was taken, and the key repeats what it answered first: a refusal as well as a failure.
		return h.nextKey(ctx, row, order.StepCapture)
	default:
		return retry.Retryable(fmt.Errorf("capture of a PaymentIntent that is %s: %w", seen.Status, err))
	}
}

// giveUp revokes an order whose authorisation is no more, though its PaymentIntent might get another. That is ended first:
// else its buyer could pay for seats that are no longer his. If he is quicker with a payment, it counts.
func (h Pay) giveUp(ctx context.Context, row order.Order, c order.Cause) error {
	seen, err := h.endIntent(ctx, row, row.Payment.IntentID)
	switch {
	case err != nil:
		return err
	case seen.Status == StatusSucceeded:
		return h.confirm(ctx, row, seen, c)
	default:
		return h.revoke(ctx, row, c)
	}
}

// confirm ends a committed order whose money was taken.
func (h Pay) confirm(ctx context.Context, row order.Order, taken stripeevent.Intent, c order.Cause) error {
	if taken.Status != StatusSucceeded || row.Amount == nil || !row.Amount.IsStripeAmount(taken.AmountReceived, taken.Currency) {
		h.Meter.Put(telemetry.InvariantsBroken, 1)
		return retry.Poison("captured_otherwise", fmt.Errorf("the PaymentIntent is %s, received %d %s of %v", taken.Status, taken.AmountReceived, taken.Currency, row.Amount))
	}
	confirmed, err := row.Confirm(c)
	if err != nil {
		return retry.Poison("transition", err)
	}
	if err := h.update(ctx, row, confirmed); err != nil {
		return err
	}
	h.Meter.Put(telemetry.OrdersConfirmed, 1)
	return nil
}

// revoke withdraws the tickets of an order whose authorisation is gone for good.
func (h Pay) revoke(ctx context.Context, row order.Order, c order.Cause) error {
	revoked, err := row.Revoke(c)
	if err != nil {
		return retry.Poison("transition", err)
	}
	if err := h.Orders.Withdraw(ctx, row, revoked); err != nil {
		return fmt.Errorf("row REVOKED: %w", err)
	}
	h.Meter.Put(telemetry.OrdersRevoked, 1)
	return nil
}
