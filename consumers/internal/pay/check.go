package pay

import (
	"context"
	"fmt"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/stripeevent"
	"boxoffice/contracts/telemetry"
)

// check reads the state of an order's payment, in case a webhook was lost. It sends an authorisation on as if it had been
// delivered, captures a committed order, and ends an order whose PaymentIntent is cancelled.
func (h Pay) check(ctx context.Context, row order.Order, m message.CheckPayment, c order.Cause) error {
	if row.Status == contracts.Committed {
		return h.capture(ctx, row, c)
	}
	if !row.Status.Open() || row.Payment == nil || row.Payment.IntentID == "" {
		return nil
	}
	seen, err := h.Provider.Retrieve(ctx, row.Payment.IntentID)
	if err != nil {
		return callError("retrieve", err)
	}
	switch seen.Status {
	case StatusRequiresCapture:
	case StatusSucceeded:
		// This program captures only committed orders.
		h.Meter.Put(telemetry.InvariantsBroken, 1)
		return retry.Poison("captured_before_commit", fmt.Errorf("%s of an order that is %s was captured", seen.ID, row.Status))
	case StatusCanceled:
		// It is the row's own PaymentIntent, so the buyer's payment form can never succeed, and there is no next PaymentIntent.
		// This program did not cancel it: it does so only after the row has ended.
		h.Log.WarnContext(ctx, "PaymentIntent of an open order is canceled", telemetry.KeyOrder, row.OrderID, telemetry.KeyPaymentIntent, seen.ID)
		return h.rejectRefused(ctx, row, c)
	default:
		return nil
	}
	authorized, err := message.Encode(stripeevent.Authorized(seen, row.OrderID, row.SeatGroup(), m.CauseID), "")
	if err != nil {
		return retry.Poison("encode", err)
	}
	if err := h.Sender.Send(ctx, authorized); err != nil {
		return fmt.Errorf("send PaymentAuthorized: %w", err)
	}
	return nil
}
