package reconcile

import (
	"context"
	"errors"
	"fmt"

	"boxoffice/consumers/internal/order"
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

// DeadLetterQueue is one dead-letter queue. It is drained, never peeked at: a FIFO queue shows only ten messages of a
// group at a time, and what is not deleted hides what is behind it.
type DeadLetterQueue interface {
	Name() string
	// Receive answers some letters, none when there are none to be had now.
	Receive(ctx context.Context) ([]Letter, error)
	Delete(ctx context.Context, letter Letter) error
}

// Letters keeps what was drained.
type Letters interface {
	Keep(ctx context.Context, letter readmodel.DeadLetter) error
}

// receives bounds how many calls drain one queue in a run.
const receives = 100

// drain moves what lies in the dead-letter queues into their table. A PlaceOrder first gets its row, so that its buyer
// has an answer whatever happens after.
func (r *Reconciler) drain(ctx context.Context) (drained int, err error) {
	var problems []error
	for _, q := range r.DeadLetters {
		n, err := r.drainOne(ctx, q)
		drained += n
		if err != nil {
			problems = append(problems, fmt.Errorf("dead letters of %s: %w", q.Name(), err))
		}
	}
	return drained, errors.Join(problems...)
}

func (r *Reconciler) drainOne(ctx context.Context, q DeadLetterQueue) (drained int, err error) {
	for range receives {
		letters, err := q.Receive(ctx)
		if err != nil || len(letters) == 0 {
			return drained, err
		}
		for _, letter := range letters {
			if err := r.bury(ctx, q, letter); err != nil {
				return drained, err
			}
			drained++
		}
	}
	return drained, nil
}

// bury is the row, then the letter, then the delete: repeated from the start after a crash, each step finds itself done.
func (r *Reconciler) bury(ctx context.Context, q DeadLetterQueue, letter Letter) error {
	now := contracts.InstantOf(r.Now())
	a := letter.Attributes
	if _, err := contracts.ParseOrderID(string(a.OrderID)); a.Kind == message.KindPlaceOrder && err == nil {
		row := order.NewRejectedUnread(a, letter.Fence(), letter.SentAt, order.Cause{Kind: a.Kind, MessageID: letter.MessageID, At: now})
		if put := r.Rows.PutAll(ctx, []order.Put{{Order: row}})[0]; put.Outcome == order.PutUnknown {
			return fmt.Errorf("put row REJECTED(internal): %w", put.Err)
		}
	}
	kept := readmodel.DeadLetter{
		MessageKey: readmodel.DrainedKey(letter.MessageID), Queue: q.Name(), Kind: string(a.Kind), OrderID: a.OrderID,
		SeatGroup: letter.Group, Reason: letter.Reason, Body: letter.Body, Attributes: a.Map(), At: now,
	}
	if err := r.Letters.Keep(ctx, kept); err != nil {
		return fmt.Errorf("keep %s: %w", letter.MessageID, err)
	}
	r.Log.WarnContext(ctx, "dead letter", telemetry.KeyMessage, letter.MessageID, telemetry.KeyKind, a.Kind, telemetry.KeyOrder, a.OrderID, telemetry.KeyReason, letter.Reason)
	if err := q.Delete(ctx, letter); err != nil {
		return fmt.Errorf("delete %s: %w", letter.MessageID, err)
	}
	return nil
}
