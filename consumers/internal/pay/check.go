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

// check looks how the payment of an order stands: the second net beside the webhook. An authorisation that is there is sent
// on as if it had been delivered; a committed order goes on with its capture; an order whose PaymentIntent was cancelled ends.
func (h Pay) check(ctx context.Context, row order.Order, m message.CheckPayment, c order.Cause) error {
	if row.Status == contracts.Committed {
		return h.capture(ctx, row, c)
	}
	if !row.Status.Open() || row.Payment == nil || row.Payment.IntentID == "" {
		return nil
	}
	seen, err := h.Provider.Retrieve(ctx, row.Payment.IntentID)
	if err != nil {
		return failed("retrieve", err)
	}
	switch seen.Status {
	case StatusRequiresCapture:
	case StatusSucceeded:
		// Nobody here takes money of an order that is not committed.
		h.Meter.Put(telemetry.InvariantsBroken, 1)
		return retry.Poison("captured_before_commit", fmt.Errorf("%s of an order that is %s was captured", seen.ID, row.Status))
	case StatusCanceled:
		// This is the row's own, so whoever cancelled it, its buyer has a form that cannot succeed, and there is no next
		// PaymentIntent. Here none is cancelled before its row has ended.
		h.Log.WarnContext(ctx, "PaymentIntent of an open order is canceled", telemetry.KeyOrder, row.OrderID, telemetry.KeyPaymentIntent, seen.ID)
		return h.refuse(ctx, row, c)
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
