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

// void gives back what was authorised and pays no order: the PaymentIntents that voidable names. Nothing is given back before
// the row has ended, or is paid by another PaymentIntent. Trouble with one of them does not keep the other authorised.
func (h Pay) void(ctx context.Context, row order.Order, named string) error {
	var failed error
	for _, id := range voidable(row, named) {
		err := h.voidOne(ctx, row, id)
		switch {
		case errors.Is(err, retry.ErrMoved):
			return err
		case failed == nil, retry.IsRetryable(err):
			failed = err
		}
	}
	return failed
}

func (h Pay) voidOne(ctx context.Context, row order.Order, id string) error {
	seen, err := h.endIntent(ctx, row, id)
	switch {
	case err != nil:
		return err
	case seen.Status == StatusSucceeded:
		// Money of an order without tickets, or a second time for the same tickets: never acknowledged in silence.
		h.Meter.Put(telemetry.InvariantsBroken, 1)
		return retry.Poison("void_of_captured", fmt.Errorf("%s of an order that is %s was captured", id, row.Status))
	default:
		return nil
	}
}

// voidable are the PaymentIntents that pay nothing, of the row's and of one that is known to be of the same order. An order
// that has ended unpaid, or was revoked, is paid by neither. One that owns its seats, or gave them back for their money, is
// paid by the row's, and by no other. One that is open may still be paid by any.
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

// endIntent cancels a PaymentIntent and returns it once it can change no more: canceled, by this call or an earlier one, or
// succeeded. Until then it returns the error of the step.
func (h Pay) endIntent(ctx context.Context, row order.Order, id string) (seen stripeevent.Intent, err error) {
	seen, err = h.Provider.Cancel(ctx, voidKey(id, row.Attempt(order.StepVoid)), id)
	if err == nil {
		return seen, nil
	}
	if f := failureOf(err); f == FailureUnknown || f == FailureBug {
		return seen, failed("cancel", err)
	}
	seen, err = h.Provider.Retrieve(ctx, id)
	switch {
	case err != nil:
		return seen, failed("retrieve", err)
	case seen.Status == StatusCanceled, seen.Status == StatusSucceeded:
		return seen, nil
	default:
		// Nothing was cancelled, and the key repeats what it answered first.
		return seen, h.nextKey(ctx, row, order.StepVoid)
	}
}
