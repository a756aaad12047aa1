package pay

import (
	"context"
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
func (h Pay) void(ctx context.Context, row order.Order, named string) (outcome retry.Outcome, again bool) {
	outcome = retry.Done()
	for _, id := range voidable(row, named) {
		one, again := h.voidOne(ctx, row, id)
		switch {
		case again:
			return one, true
		case one.Class == retry.ClassRetryable, outcome.Class == retry.ClassDone:
			outcome = one
		}
	}
	return outcome, false
}

func (h Pay) voidOne(ctx context.Context, row order.Order, id string) (outcome retry.Outcome, again bool) {
	seen, over, outcome, again := h.endIntent(ctx, row, id)
	switch {
	case !over:
		return outcome, again
	case seen.Status == StatusSucceeded:
		// Money of an order without tickets, or a second time for the same tickets: never acknowledged in silence.
		h.Meter.Put(telemetry.InvariantsBroken, 1)
		return retry.Poison("void_of_captured", fmt.Errorf("%s of an order that is %s was captured", id, row.Status)), false
	default:
		return retry.Done(), false
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

// endIntent cancels a PaymentIntent, and answers it as it is when it is over: canceled, whoever did that, or succeeded. Where
// it is not over, outcome and again are the step's.
func (h Pay) endIntent(ctx context.Context, row order.Order, id string) (seen stripeevent.Intent, over bool, outcome retry.Outcome, again bool) {
	seen, err := h.Provider.Cancel(ctx, voidKey(id, row.Attempt(order.StepVoid)), id)
	if err == nil {
		return seen, true, outcome, false
	}
	if f := failureOf(err); f == FailureUnknown || f == FailureBug {
		return seen, false, failed("cancel", err), false
	}
	seen, err = h.Provider.Retrieve(ctx, id)
	switch {
	case err != nil:
		return seen, false, failed("retrieve", err), false
	case seen.Status == StatusCanceled, seen.Status == StatusSucceeded:
		return seen, true, outcome, false
	default:
		// Nothing was cancelled, and the key repeats what it answered first.
		outcome, again = h.nextKey(ctx, row, order.StepVoid)
		return seen, false, outcome, again
	}
}
