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

// LedgerCursor says how far the ledger was asked to be compared.
type LedgerCursor interface {
	// Cursor is a consistent read; the zero cursor is one that was never moved.
	Cursor(ctx context.Context) (readmodel.LedgerCursor, error)
	// MoveCursor writes the cursor, unless its slices are further already.
	MoveCursor(ctx context.Context, to readmodel.LedgerCursor) error
}

// fetchSince is how far back each run asks Stripe for events that it could not deliver. Stripe tries for days by itself,
// and an order that waits is looked at before its hold ends, so this only has to cover the time in between. A list that is
// longer than a few runs is given up: each of them begins with the newest events.
const (
	fetchSince = 15 * time.Minute
	fetchFor   = 5 * time.Minute
)

// The ledger is compared once it has come to rest: holds have ended, captures and voids have had their time. Slices of it
// follow one another without a hole, however late a run is. Since a PaymentIntent that was looked at once may go wrong after
// that, as when its void is lost or it is refunded at the dashboard, all of the last day are looked at again each hour, and
// all of the last days each day: longer than an authorisation lasts.
const (
	auditAfter  = 30 * time.Minute
	ledgerSlice = 5 * time.Minute
	dayEvery    = time.Hour
	dayBack     = 24 * time.Hour
	weekEvery   = 24 * time.Hour
	weekBack    = 8 * 24 * time.Hour
)

// slicesPerRun bounds how much of what was missed a run catches up with: an hour of the ledger a minute.
const slicesPerRun = 12

// payments asks for lost events in each run, and for the comparison with Stripe's ledger.
func (r *Reconciler) payments(ctx context.Context, now contracts.Instant, run int64) error {
	// Lost events are asked for also while nothing is known of the ledger.
	return errors.Join(
		r.ask(ctx, message.FetchEvents{Since: now.Add(-fetchSince), Run: run, Deadline: now.Add(fetchFor)}),
		r.audit(ctx, now, run),
	)
}

// audit asks for what is due, and only then moves the cursor: a crash in between asks twice.
func (r *Reconciler) audit(ctx context.Context, now contracts.Instant, run int64) error {
	before, err := r.Ledger.Cursor(ctx)
	if err != nil {
		return fmt.Errorf("cursor of the ledger: %w", err)
	}
	looks, after := looksDue(before, now, run)
	if len(looks) == 0 {
		return nil
	}
	if err := r.ask(ctx, looks...); err != nil {
		return err
	}
	if err := r.Ledger.MoveCursor(ctx, after); err != nil {
		return fmt.Errorf("move the cursor of the ledger: %w", err)
	}
	return nil
}

// looksDue are the looks at the ledger that are due, and the cursor once they were asked for.
func looksDue(cursor readmodel.LedgerCursor, now contracts.Instant, run int64) (looks []message.Message, after readmodel.LedgerCursor) {
	after = cursor
	after.MessageKey = readmodel.LedgerCursorKey
	rest := now.Add(-auditAfter)
	if after.SlicesTo == 0 {
		// What was made before is in the looks at the last days, which are due as well.
		after.SlicesTo = contracts.InstantOf(rest.Time().Truncate(ledgerSlice))
	}
	for range slicesPerRun {
		to := after.SlicesTo.Add(ledgerSlice)
		if to > rest {
			break
		}
		looks = append(looks, message.AuditLedger{From: after.SlicesTo, To: to, Run: run})
		after.SlicesTo = to
	}
	// A look is given up once the one after it has had as much time: it begins with the newest.
	if now.Sub(after.DayAt) >= dayEvery {
		looks = append(looks, lookBack(rest, dayBack, now.Add(2*dayEvery), run))
		after.DayAt = now
	}
	if now.Sub(after.WeekAt) >= weekEvery {
		looks = append(looks, lookBack(rest, weekBack, now.Add(2*weekEvery), run))
		after.WeekAt = now
	}
	return looks, after
}

func lookBack(to contracts.Instant, by time.Duration, deadline contracts.Instant, run int64) message.Message {
	return message.AuditLedger{From: max(1, to.Add(-by)), To: to, Run: run, Deadline: deadline}
}

func (r *Reconciler) ask(ctx context.Context, what ...message.Message) error {
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
