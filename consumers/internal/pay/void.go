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

// void gives back what was authorised for an order that has ended: the row's PaymentIntent, and the one that the message
// names if that is another. Nothing is given back before the row has ended.
func (h Pay) void(ctx context.Context, row order.Order, named string) (outcome retry.Outcome, again bool) {
	if !row.Status.EndedUnpaid() && row.Status != contracts.Revoked {
		return retry.Done(), false
	}
	var ids []string
	if row.Payment != nil && row.Payment.IntentID != "" {
		ids = append(ids, row.Payment.IntentID)
	}
	if named != "" && !slices.Contains(ids, named) {
		ids = append(ids, named)
	}
	for _, id := range ids {
		seen, over, outcome, again := h.endIntent(ctx, row, id)
		switch {
		case !over:
			return outcome, again
		case seen.Status == StatusSucceeded:
			// Money of an order without tickets: never acknowledged in silence.
			h.Meter.Put(telemetry.InvariantsBroken, 1)
			return retry.Poison("void_of_captured", fmt.Errorf("%s of an order that is %s was captured", id, row.Status)), false
		}
	}
	return retry.Done(), false
}

// endIntent cancels a PaymentIntent, and answers it as it is when it is over: canceled, whoever did that, or succeeded. Where
// it is not over, outcome and again are the step's.
func (h Pay) endIntent(ctx context.Context, row order.Order, id string) (seen stripeevent.Intent, over bool, outcome retry.Outcome, again bool) {
	seen, err := h.Provider.Cancel(ctx, key("void", id, row.Attempt(order.StepVoid)), id)
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
