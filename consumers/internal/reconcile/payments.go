package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// LedgerCursor stores up to which time audits of the ledger were sent.
type LedgerCursor interface {
	// Cursor reads the cursor consistently; the zero cursor was never moved.
	Cursor(ctx context.Context) (readmodel.LedgerCursor, error)
	// MoveCursor writes the cursor unless the stored one is further.
	MoveCursor(ctx context.Context, to readmodel.LedgerCursor) error
}

// fetchSince is how far back each run asks Stripe for undelivered events. Stripe itself tries for days, and an order's payment is
// checked before its hold ends, so this has to cover only the time in between. fetchFor is how long the fetch of one run goes on:
// later runs begin with the newest events.
const (
	fetchSince = 15 * time.Minute
	fetchFor   = 5 * time.Minute
)

// A slice of the ledger is audited auditAfter its end, when holds have ended and captures and voids are done. Slices follow one
// another without a gap, however late a run is. A PaymentIntent may go wrong after its slice, if its void is lost or it is refunded
// at the dashboard. So the last day is audited again each hour, and the last eight days, which is longer than an authorisation
// lasts, each day.
const (
	auditAfter  = 30 * time.Minute
	ledgerSlice = 5 * time.Minute
	dayEvery    = time.Hour
	dayBack     = 24 * time.Hour
	weekEvery   = 24 * time.Hour
	weekBack    = 8 * 24 * time.Hour
)

// maxSlices bounds how many missed slices a run catches up with: an hour of the ledger in a minute.
const maxSlices = 12

// payments asks for lost events in each run, and for audits of Stripe's ledger when they are due.
func (r *Reconciler) payments(ctx context.Context, now contracts.Instant, run int64) error {
	// The fetch does not depend on the cursor of the ledger.
	return errors.Join(
		r.send(ctx, message.FetchEvents{Since: now.Add(-fetchSince), Run: run, Deadline: now.Add(fetchFor)}),
		r.audit(ctx, now, run),
	)
}

// audit sends the audits that are due, and only then moves the cursor: a crash in between sends them again.
func (r *Reconciler) audit(ctx context.Context, now contracts.Instant, run int64) error {
	before, err := r.Ledger.Cursor(ctx)
	if err != nil {
		return fmt.Errorf("cursor of the ledger: %w", err)
	}
	audits, after := auditsDue(before, now, run)
	if len(audits) == 0 {
		return nil
	}
	if err := r.send(ctx, audits...); err != nil {
		return err
	}
	if err := r.Ledger.MoveCursor(ctx, after); err != nil {
		return fmt.Errorf("move the cursor of the ledger: %w", err)
	}
	return nil
}

// auditsDue returns the audits of the ledger that are due, and the cursor for when they are sent.
func auditsDue(cursor readmodel.LedgerCursor, now contracts.Instant, run int64) (audits []message.Message, after readmodel.LedgerCursor) {
	after = cursor
	after.MessageKey = readmodel.LedgerCursorKey
	rest := now.Add(-auditAfter)
	if after.SlicesTo == 0 {
		// The audits of the last days cover what was made before, and are due as well.
		after.SlicesTo = contracts.InstantOf(rest.Time().Truncate(ledgerSlice))
	}
	for range maxSlices {
		to := after.SlicesTo.Add(ledgerSlice)
		if to > rest {
			break
		}
		audits = append(audits, message.AuditLedger{From: after.SlicesTo, To: to, Run: run})
		after.SlicesTo = to
	}
	// An audit is given up once the next one has had as much time, since that one begins with the newest PaymentIntents.
	if now.Sub(after.DayAt) >= dayEvery {
		audits = append(audits, auditBack(rest, dayBack, now.Add(2*dayEvery), run))
		after.DayAt = now
	}
	if now.Sub(after.WeekAt) >= weekEvery {
		audits = append(audits, auditBack(rest, weekBack, now.Add(2*weekEvery), run))
		after.WeekAt = now
	}
	return audits, after
}

// auditBack returns the audit of the time by before to.
func auditBack(to contracts.Instant, by time.Duration, deadline contracts.Instant, run int64) message.Message {
	return message.AuditLedger{From: max(1, to.Add(-by)), To: to, Run: run, Deadline: deadline}
}

func (r *Reconciler) send(ctx context.Context, what ...message.Message) error {
	var messages []message.Encoded
	for _, m := range what {
		encoded, err := message.Encode(m, "")
		if err != nil {
			return err
		}
		messages = append(messages, encoded)
	}
	if err := r.Sender.Send(ctx, messages...); err != nil {
		return fmt.Errorf("send %s: %w", what[0].Kind(), err)
	}
	return nil
}
