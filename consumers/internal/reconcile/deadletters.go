package reconcile

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
)

// Letter is a message of a dead-letter queue with the receipt that deletes it.
type Letter struct {
	message.Delivery
	Receipt string
	// Reason is why it was taken out of its queue; "" when SQS itself moved it.
	Reason string
}

// DeadLetterQueue is one dead-letter queue. It is drained and not only looked at: a FIFO queue shows ten messages of a group
// at a time, and those that are not deleted hide the others.
type DeadLetterQueue interface {
	Name() string
	// Receive returns some letters, none if there are none now. Until the queue's visibility timeout no call returns them again,
	// nor a later letter of their groups.
	Receive(ctx context.Context) ([]Letter, error)
	Delete(ctx context.Context, letter Letter) error
	// Postpone makes that time d for a letter that was received.
	Postpone(ctx context.Context, letter Letter, d time.Duration) error
}

// Letters keeps what was drained. The same letter again is the same letter. A letter that can never be kept is refused with
// an error that retry.Classify calls poison.
type Letters interface {
	Keep(ctx context.Context, letter readmodel.DeadLetter) error
}

// maxReceives bounds how many calls drain one queue in a run that has no bound of time.
const maxReceives = 1000

// postponed is how long a letter is hidden that the table refuses for what is in it. It is tried four times an hour, so that
// many such letters do not take up every run.
const postponed = 15 * time.Minute

// drained counts what became of letters. kept are those of dead-letter queues, streams those about records of a stream. notKept
// are letters that stay in their queue; queues are queues that were not drained to their end.
type drained struct{ kept, streams, notKept, voided, queues int }

func (d *drained) add(o drained) {
	d.kept += o.kept
	d.streams += o.streams
	d.notKept += o.notKept
	d.voided += o.voided
	d.queues += o.queues
}

// drainable is a queue with what is done about each of its letters.
type drainable struct {
	DeadLetterQueue
	bury func(ctx context.Context, q DeadLetterQueue, letter Letter) (drained, error)
}

// drainables are the dead-letter queues, and the queue of letters about records of streams.
func (r *Reconciler) drainables() []drainable {
	var all []drainable
	for _, q := range r.DeadLetters {
		all = append(all, drainable{q, r.bury})
	}
	if r.StreamFailures != nil {
		all = append(all, drainable{r.StreamFailures, r.buryStreamFailure})
	}
	return all
}

// drain moves the letters of all queues into their table. Before that the order of a PlaceOrder gets a row, so that its buyer has
// an answer, and a letter that was to end an order leads to a VoidPayment (letter.go).
func (r *Reconciler) drain(ctx context.Context, s share) (all drained, err error) {
	var mu sync.Mutex
	queues := r.drainables()
	left, err := each(s, max(len(queues), 1), queues, func(q drainable) error {
		d, err := r.drainOne(ctx, s, q)
		mu.Lock()
		defer mu.Unlock()
		all.add(d)
		if err != nil {
			return fmt.Errorf("dead letters of %s: %w", q.Name(), err)
		}
		return nil
	})
	all.queues += left
	return all, err
}

// drainOne drains a queue. A letter that cannot be kept stays in the queue, since losing it would be worse; all other letters
// are kept.
func (r *Reconciler) drainOne(ctx context.Context, s share, q drainable) (d drained, err error) {
	var p problems
	tried := map[string]bool{}
	for range maxReceives {
		if s.over() {
			d.queues = 1
			return d, p.err()
		}
		letters, err := q.Receive(ctx)
		if err != nil {
			p.add(err)
			d.queues = 1
			return d, p.err()
		}
		again := len(letters)
		letters = notTried(letters, tried)
		if len(letters) == 0 {
			if again > 0 {
				d.queues = 1 // letters that were not kept are visible again, and may hide others
			}
			return d, p.err()
		}
		done, err := r.buryAll(ctx, q, letters)
		d.add(done)
		p.add(err)
		if errors.Is(err, retry.ErrBreakerOpen) || ctx.Err() != nil {
			// Every other letter would fail as well.
			d.queues = 1
			return d, p.err()
		}
	}
	d.queues = 1
	return d, p.err()
}

// notTried are the letters that the run has not seen yet.
func notTried(letters []Letter, tried map[string]bool) []Letter {
	var fresh []Letter
	for _, l := range letters {
		if !tried[l.MessageID] {
			fresh = append(fresh, l)
		}
		tried[l.MessageID] = true
	}
	return fresh
}

// buryAll buries letters concurrently.
func (r *Reconciler) buryAll(ctx context.Context, q drainable, letters []Letter) (d drained, err error) {
	var mu sync.Mutex
	_, err = each(share{}, len(letters), letters, func(letter Letter) error {
		var did drained
		err := safely(func() (err error) {
			did, err = q.bury(ctx, q.DeadLetterQueue, letter)
			return err
		})
		mu.Lock()
		defer mu.Unlock()
		d.add(did)
		if err == nil {
			return nil
		}
		d.notKept++
		return r.notKept(ctx, q, letter, err)
	})
	return d, err
}

// notKept reports a letter that stays in its queue, and hides it if it would be refused again.
func (r *Reconciler) notKept(ctx context.Context, q DeadLetterQueue, letter Letter, err error) error {
	r.Log.ErrorContext(ctx, "dead letter not kept", telemetry.KeyMessage, letter.MessageID, telemetry.KeyKind, letter.Attributes.Kind,
		telemetry.KeyOrder, letter.Attributes.OrderID, telemetry.KeyReason, letter.Reason, telemetry.KeyError, err.Error())
	if retry.Classify(err).Class == retry.ClassPoison {
		if err := q.Postpone(ctx, letter, postponed); err != nil {
			return fmt.Errorf("postpone %s: %w", letter.MessageID, err)
		}
	}
	return fmt.Errorf("letter %s: %w", letter.MessageID, err)
}

// bury does, in this order: the row where one is owed, the messages that the letter leads to, the letter's item, the delete.
// After a crash between two of them all are done again, which each of them allows. voided is 1 if a VoidPayment was sent.
func (r *Reconciler) bury(ctx context.Context, q DeadLetterQueue, letter Letter) (did drained, err error) {
	now := contracts.InstantOf(r.Now())
	known := knownOf(letter)
	if row, owed := known.row(letter, now); owed {
		if put := r.Rows.PutAll(ctx, []order.Order{row})[0]; put.Outcome == order.PutUnknown {
			return did, fmt.Errorf("put row REJECTED(internal): %w", put.Err)
		}
	}
	steps, err := known.steps(letter)
	if err != nil {
		return did, err
	}
	if len(steps) > 0 {
		if err := r.Sender.Send(ctx, steps...); err != nil {
			return did, fmt.Errorf("send what %s leads to: %w", letter.Attributes.Kind, err)
		}
		did.voided = 1
	}
	kept := readmodel.DeadLetter{
		MessageKey: readmodel.DrainedKey(letter.MessageID), Queue: q.Name(), Kind: string(known.attributes.Kind), OrderID: known.attributes.OrderID,
		SeatGroup: letter.Group, Reason: letter.Reason, Body: letter.Body, Attributes: letter.Attributes.Map(), At: now,
	}.Fitted()
	if err := r.Letters.Keep(ctx, kept); err != nil {
		return did, fmt.Errorf("keep: %w", err)
	}
	r.Log.WarnContext(ctx, "dead letter", telemetry.KeyMessage, letter.MessageID, telemetry.KeyKind, kept.Kind, telemetry.KeyOrder, kept.OrderID,
		telemetry.KeyReason, kept.Reason, telemetry.KeyCount, len(kept.Cut))
	if err := q.Delete(ctx, letter); err != nil {
		return did, fmt.Errorf("delete: %w", err)
	}
	did.kept = 1
	return did, nil
}
