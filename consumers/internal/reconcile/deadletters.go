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
	// Reason is why a handler moved it to the dead-letter queue; "" if SQS moved it.
	Reason string
}

// DeadLetterQueue is one dead-letter queue. A run drains it and does not only read it: a FIFO queue returns ten messages of a
// group at a time, and those that are not deleted hide the others. It is safe for concurrent use.
type DeadLetterQueue interface {
	Name() string
	// Receive returns some letters, none if there are none now. Until the queue's visibility timeout has passed no call returns
	// them again, nor a later letter of their groups.
	Receive(ctx context.Context) ([]Letter, error)
	Delete(ctx context.Context, letter Letter) error
	// Postpone changes that timeout to d for a letter that was received.
	Postpone(ctx context.Context, letter Letter, d time.Duration) error
}

// Letters stores what was drained. Keeping a letter a second time changes nothing. If a letter can never be stored, the error is
// one that retry.Classify calls poison.
type Letters interface {
	Keep(ctx context.Context, letter readmodel.DeadLetter) error
}

// maxReceives bounds how many calls drain one queue in a run whose time is not bounded.
const maxReceives = 1000

// hideRefused is how long a letter stays hidden whose content the table refuses. So it is tried four times an hour, and many such
// letters do not take up every run.
const hideRefused = 15 * time.Minute

// drained counts the results of draining: kept letters of dead-letter queues, streams for kept letters about records of a stream,
// notKept for letters that stay in their queue, voided for letters that led to a VoidPayment, queues that were not drained to their
// end, and poisoned for kept letters with a reason.
type drained struct{ kept, streams, notKept, voided, queues, poisoned int }

func (d *drained) add(o drained) {
	d.kept += o.kept
	d.streams += o.streams
	d.notKept += o.notKept
	d.voided += o.voided
	d.queues += o.queues
	d.poisoned += o.poisoned
}

// drainable is a queue with the function that handles each of its letters.
type drainable struct {
	DeadLetterQueue
	bury func(ctx context.Context, q DeadLetterQueue, letter Letter) (drained, error)
}

// drainables returns the dead-letter queues, and the queue of letters about records of streams.
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

// drain moves the letters of all queues into their table. Before that it writes a row for the order of a PlaceOrder, so that the
// buyer gets a result, and sends a VoidPayment for a letter that was to end an order (letter.go).
func (r *Reconciler) drain(ctx context.Context, budget timeBudget) (all drained, err error) {
	var mu sync.Mutex
	queues := r.drainables()
	left, err := forEach(budget, max(len(queues), 1), queues, func(q drainable) error {
		d, err := r.drainOne(ctx, budget, q)
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

// drainOne drains a queue. A letter that cannot be kept stays in the queue, since its loss would be worse. The other
// letters are drained all the same.
func (r *Reconciler) drainOne(ctx context.Context, budget timeBudget, q drainable) (d drained, err error) {
	var p problems
	tried := map[string]bool{}
	for range maxReceives {
		if budget.spent() {
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
				d.queues = 1 // letters that were not kept are visible again and may hide others
			}
			return d, p.err()
		}
		done, err := r.buryAll(ctx, q, letters)
		d.add(done)
		p.add(err)
		if errors.Is(err, retry.ErrBreakerOpen) || ctx.Err() != nil {
			// Every other letter would fail too.
			d.queues = 1
			return d, p.err()
		}
	}
	d.queues = 1
	return d, p.err()
}

// notTried returns the letters that the run has not tried yet, and adds them to tried.
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
	_, err = forEach(timeBudget{}, len(letters), letters, func(letter Letter) error {
		var did drained
		err := retry.Safely("bury", func() (err error) {
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
		return r.reportNotKept(ctx, q, letter, err)
	})
	return d, err
}

// reportNotKept reports a letter that stays in its queue, and hides it if the table would refuse it again.
func (r *Reconciler) reportNotKept(ctx context.Context, q DeadLetterQueue, letter Letter, err error) error {
	r.Log.ErrorContext(ctx, "dead letter not kept", telemetry.KeyMessage, letter.MessageID, telemetry.KeyKind, letter.Attributes.Kind,
		telemetry.KeyOrder, letter.Attributes.OrderID, telemetry.KeyReason, letter.Reason, telemetry.KeyError, err.Error())
	if retry.Classify(err).Class == retry.ClassPoison {
		if err := q.Postpone(ctx, letter, hideRefused); err != nil {
			return fmt.Errorf("postpone %s: %w", letter.MessageID, err)
		}
	}
	return fmt.Errorf("letter %s: %w", letter.MessageID, err)
}

// bury does, in this order: it writes the row that the buyer is owed, sends the messages that the letter leads to, stores the
// letter, and deletes it from its queue. After a crash between two of them it does all of them again, which each of them allows.
func (r *Reconciler) bury(ctx context.Context, q DeadLetterQueue, letter Letter) (did drained, err error) {
	now := contracts.InstantOf(r.Now())
	content := contentOf(letter)
	if row, owed := content.owedRow(letter, now); owed {
		if put := r.Rows.PutAll(ctx, []order.Order{row})[0]; put.Outcome == order.PutUnknown {
			return did, fmt.Errorf("put row REJECTED(internal): %w", put.Err)
		}
	}
	steps, err := content.steps(letter)
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
		MessageKey: readmodel.DrainedKey(letter.MessageID), Queue: q.Name(), Kind: string(content.attributes.Kind), OrderID: content.attributes.OrderID,
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
	if letter.Reason != "" {
		did.poisoned = 1
	}
	return did, nil
}
