package reconcile

import (
	"context"
	"fmt"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// fetchSince is how far back each run asks Stripe for events that it could not deliver. Stripe tries for days by itself,
// and an order that waits is looked at before its hold ends, so this only has to cover the time in between.
const fetchSince = 15 * time.Minute

// The ledger of an hour is compared once it has come to rest: holds have ended, captures and voids have had their time.
const (
	auditEvery = 60 // runs
	auditAfter = 30 * time.Minute
)

// payments asks for lost events in each run, and for the comparison with Stripe's ledger once an hour.
func (r *Reconciler) payments(ctx context.Context, now contracts.Instant, run int64) error {
	steps := []message.Message{message.FetchEvents{Since: now.Add(-fetchSince), Run: run}}
	if run%auditEvery == 0 {
		to := now.Add(-auditAfter)
		steps = append(steps, message.AuditLedger{From: to.Add(-auditEvery * time.Minute), To: to, Run: run})
	}
	var messages []message.Encoded
	for _, step := range steps {
		encoded, err := message.Encode(step, "")
		if err != nil {
			return err
		}
		messages = append(messages, encoded)
	}
	if err := r.Sender.Send(ctx, messages...); err != nil {
		return fmt.Errorf("send FetchEvents: %w", err)
	}
	return nil
}
