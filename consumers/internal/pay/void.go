package pay

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/stripeevent"
	"boxoffice/contracts/telemetry"
)

// void cancels the PaymentIntents that voidable returns: none before the row has ended or is paid by another PaymentIntent. If
// one cancel fails, it makes the other one all the same, and then returns a retryable error rather than poison.
func (h Pay) void(ctx context.Context, row order.Order, named string) error {
	var result error
	for _, id := range voidable(row, named) {
		err := h.voidOne(ctx, row, id)
		switch {
		case errors.Is(err, retry.ErrMoved):
			return err
		case result == nil, retry.IsRetryable(err):
			result = err
		}
	}
	return result
}

func (h Pay) voidOne(ctx context.Context, row order.Order, id string) error {
	seen, err := h.endIntent(ctx, row, id)
	switch {
	case err != nil:
		return err
	case seen.Status == StatusSucceeded:
		// The buyer has paid without tickets, or twice for the same ones, which must not be acknowledged without an alarm.
		h.Meter.Put(telemetry.InvariantsBroken, 1)
		return retry.Poison("void_of_captured", fmt.Errorf("%s of an order that is %s was captured", id, row.Status))
	default:
		return nil
	}
}

// voidable returns which of two PaymentIntents pay nothing: the row's, and another one of the same order ("" if there is none).
// An order that ended unpaid or was revoked is paid by neither. An order that owns its seats, or was refunded, is paid by the
// row's alone. An open order may still be paid by either.
func voidable(row order.Order, other string) (ids []string) {
	own := ""
	if row.Payment != nil {
		own = row.Payment.IntentID
	}
	switch s := row.Status; {
	case s.EndedUnpaid(), s == contracts.Revoked:
		ids = []string{own}
		if other != own {
			ids = append(ids, other)
		}
	case s.Paid() && own != "", s == contracts.Refunded && own != "":
		if other != own {
			ids = []string{other}
		}
	}
	return slices.DeleteFunc(ids, func(id string) bool { return id == "" })
}

// endIntent cancels a PaymentIntent and returns it if its status is final: canceled, by this call or an earlier one, or
// succeeded. Otherwise it returns the error of the step.
func (h Pay) endIntent(ctx context.Context, row order.Order, id string) (seen stripeevent.Intent, err error) {
	seen, err = h.Provider.Cancel(ctx, voidKey(id, row.Attempt(order.StepVoid)), id)
	if err == nil {
		return seen, nil
	}
	if f := failureOf(err); f == FailureUnknown || f == FailureBug {
		return seen, callError("cancel", err)
	}
	seen, err = h.Provider.Retrieve(ctx, id)
	switch {
	case err != nil:
		return seen, callError("retrieve", err)
	case seen.Status == StatusCanceled, seen.Status == StatusSucceeded:
		return seen, nil
	default:
		// Nothing was cancelled, and the key repeats its first response.
		return seen, h.nextKey(ctx, row, order.StepVoid)
	}
}
