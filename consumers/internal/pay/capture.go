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

// capture takes the money of an order that owns its seats. After a refusal it goes by the status of the PaymentIntent alone, and
// it withdraws tickets only once the PaymentIntent can never be captured.
func (h Pay) capture(ctx context.Context, row order.Order, c order.Cause) error {
	if row.Status != contracts.Committed {
		return nil
	}
	id := row.Payment.IntentID
	taken, err := h.Provider.Capture(ctx, h.key("cap", row.OrderID, row.Attempt(order.StepCapture)), id)
	if err == nil {
		return h.confirm(ctx, row, taken, c)
	}
	if f := failureOf(err); f == FailureUnknown || f == FailureBug && !keyHasOtherParameters(err) {
		return callError("capture", err)
	}
	seen, readErr := h.Provider.Retrieve(ctx, id)
	if readErr != nil {
		return callError("retrieve", readErr)
	}
	switch seen.Status {
	case StatusSucceeded:
		return h.confirm(ctx, row, seen, c)
	case StatusCanceled:
		return h.revoke(ctx, row, c)
	case StatusRequiresMethod, StatusRequiresConfirm, StatusRequiresAction:
		return h.cancelAndRevoke(ctx, row, c)
	case StatusRequiresCapture:
		// Nothing was captured, and the key repeats its first response, a refusal as well as a failure.
		return h.nextKey(ctx, row, order.StepCapture)
	default:
		return retry.Retryable(fmt.Errorf("capture of a PaymentIntent that is %s: %w", seen.Status, err))
	}
}

// keyHasOtherParameters reports whether Stripe knows the key of a call with other parameters: a version of this program sent them
// before a deployment. What became of that call the status of the PaymentIntent says, so it is no reason to give the message up.
func keyHasOtherParameters(err error) bool {
	var e *ProviderError
	return errors.As(err, &e) && e.Code == "idempotency_error"
}

// cancelAndRevoke revokes an order whose PaymentIntent has lost its authorisation. It cancels the PaymentIntent first, since the
// buyer could otherwise authorise it again and pay for seats of another order. A payment that arrives before the cancel counts.
func (h Pay) cancelAndRevoke(ctx context.Context, row order.Order, c order.Cause) error {
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

// confirm writes the row CONFIRMED of a committed order whose money was taken, with the card that paid it.
func (h Pay) confirm(ctx context.Context, row order.Order, taken stripeevent.Intent, c order.Cause) error {
	if taken.Status != StatusSucceeded || row.Amount == nil || !row.Amount.IsStripeAmount(taken.AmountReceived, taken.Currency) {
		h.Meter.Put(telemetry.InvariantsBroken, 1)
		err := fmt.Errorf("the PaymentIntent is %s, received %d %s of %v", taken.Status, taken.AmountReceived, taken.Currency, row.Amount)
		return retry.Poison("captured_otherwise", err)
	}
	confirmed, err := row.PaidBy(taken.LatestCharge.Card).Confirm(c)
	if err != nil {
		return retry.Poison("transition", err)
	}
	if err := h.update(ctx, row, confirmed); err != nil {
		return err
	}
	h.Meter.Put(telemetry.OrdersConfirmed, 1)
	return nil
}

// revoke withdraws the tickets of an order whose PaymentIntent can never be captured.
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
