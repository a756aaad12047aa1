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

// audit compares what Stripe has of this environment with the rows, and tells each difference: money that was taken for an
// order without tickets, tickets without money, an authorisation that nobody waits for.
func (h Pay) audit(ctx context.Context, m message.AuditLedger) retry.Outcome {
	var looked, differences int
	err := h.Provider.Intents(ctx, m.From, m.To, func(i stripeevent.Intent) error {
		if i.Metadata[stripeevent.MetadataEnvironment] != h.Environment {
			return nil
		}
		looked++
		id := i.Metadata[stripeevent.MetadataOrder]
		row, found, err := h.rowOf(ctx, id)
		if err != nil {
			return err
		}
		if what := difference(i, row, found); what != "" {
			differences++
			h.Log.ErrorContext(ctx, "ledger differs", telemetry.KeyOrder, id, telemetry.KeyPaymentIntent, i.ID, telemetry.KeyReason, what, telemetry.KeyStatus, row.Status)
		}
		return nil
	})
	h.Meter.Put(telemetry.LedgerDifferences, float64(differences))
	if err != nil {
		return failed("audit", err)
	}
	h.Log.InfoContext(ctx, "ledger compared", telemetry.KeyCount, looked, telemetry.KeyDifferences, differences)
	return retry.Done()
}

// rowOf reads the row that a PaymentIntent names; what is no order id has none.
func (h Pay) rowOf(ctx context.Context, named string) (row order.Order, found bool, err error) {
	id, err := contracts.ParseOrderID(named)
	if err != nil {
		return row, false, nil
	}
	if row, found, err = h.Orders.Read(ctx, id); err != nil {
		return row, false, fmt.Errorf("read row: %w", err)
	}
	return row, found, nil
}

// Differences between a PaymentIntent and its row, as stable words.
const (
	differsNoRow      = "no_row"
	differsCharged    = "charged_without_tickets"
	differsAmount     = "charged_another_amount"
	differsNotCharged = "tickets_without_charge"
	differsOpen       = "authorization_of_ended_order"
)

// difference is what is wrong with a PaymentIntent and its row, "" if they agree or are on their way to.
func difference(i stripeevent.Intent, row order.Order, found bool) string {
	if !found {
		return differsNoRow
	}
	// One that is not the row's was left behind by a call whose answer was lost: nobody was shown its secret.
	own := row.Payment != nil && row.Payment.IntentID == i.ID
	owns := row.Status.Paid() || row.Status == contracts.Refunded
	switch charged := i.Status == StatusSucceeded; {
	case charged && (!own || !owns):
		return differsCharged
	case charged && i.AmountReceived != row.Amount.Minor:
		return differsAmount
	case i.Status == StatusRequiresCapture && (row.Status.Dead() || owns && !own):
		return differsOpen
	case own && !charged && owns && row.Status != contracts.Committed:
		return differsNotCharged
	default:
		return ""
	}
}
