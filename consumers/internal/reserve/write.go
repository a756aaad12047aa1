package reserve

import (
	"context"
	"fmt"

	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/seats"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// write is steps 2 to 5: the HELD rows first, in one call, then the REJECTED ones. None of those depends on a HELD row of the
// same call, not even on one whose put has no answer: an order that wants a seat of such an order is not refused, it waits.
func (h Place) write(ctx context.Context, entries []*entry) error {
	h.putAll(ctx, at(held, entries))
	h.putAll(ctx, at(rejected, entries))
	return h.next(ctx, at(written, entries))
}

// at returns the entries that are at a stage.
func at(s stage, entries []*entry) (some []*entry) {
	for _, e := range entries {
		if e.stage == s {
			some = append(some, e)
		}
	}
	return some
}

// putAll is step 2 for rows of one kind, with what follows from each answer.
func (h Place) putAll(ctx context.Context, entries []*entry) {
	if len(entries) == 0 {
		return
	}
	rows := make([]order.Order, len(entries))
	for i, e := range entries {
		rows[i] = e.row
	}
	var over []*entry
	for i, r := range h.Orders.PutAll(ctx, rows) {
		e := entries[i]
		switch r.Outcome {
		case order.PutDone:
			h.measure(e)
			h.afterPut(ctx, e)
		case order.PutRefused:
			h.afterRefusal(ctx, e, r.Stored)
		case order.PutOverLimit:
			h.reject(e, contracts.ReasonLimitReached, nil)
			e.release = true
			over = append(over, e)
		default:
			e.end(fmt.Errorf("put row %s: %w", e.row.Status, r.Err))
		}
	}
	h.putAll(ctx, over)
}

// afterPut goes on from a row that this message wrote.
func (h Place) afterPut(ctx context.Context, e *entry) {
	if e.row.Status == contracts.Held {
		e.stage = written
		return
	}
	if e.release {
		h.giveBack(ctx, e, e.row.Version, retry.Refused(string(e.row.Reason.Code)))
		return
	}
	e.end(retry.Refused(string(e.row.Reason.Code)))
}

// afterRefusal goes on from a row that was there before, written by an earlier delivery, by another body under the
// same key, or by whoever ended the order meanwhile.
func (h Place) afterRefusal(ctx context.Context, e *entry, stored order.Order) {
	here := stored.SeatGroup() == e.Message.SeatGroup()
	switch {
	case here && stored.Status.Open():
		h.keepRow(ctx, e, stored)
	case here && stored.Status.Paid():
		e.end(nil)
	default:
		// Of another group, or dead: only what this group holds for this order goes back. "Not HELD" would not be enough,
		// since that is also an order that awaits its payment.
		h.giveBack(ctx, e, stored.Version, nil)
	}
}

// keepRow goes on from an open row of this group. What the group holds for the order is the row's, so it is never given
// back: a release would end the order's record, and nothing could hold the row's seats again. Where the script answered
// this message another hold than the row's, that one becomes the row's: a put whose answer was lost landed after Redis had
// lost its hold, and a later try was given other seats or a later end. Seats that another order has by now are left to the
// tickets, as everywhere.
func (h Place) keepRow(ctx context.Context, e *entry, stored order.Order) {
	own := stored.PlacedBy(e.Message)
	if e.hold != nil && (!own || !stored.HeldAs(*e.hold)) {
		if _, err := seats.Keep(ctx, h.Seats, h.Catalogue, stored); err != nil {
			e.end(err)
			return
		}
	}
	if !own {
		// Another body came first under the same key. Its own message goes on with it.
		e.end(retry.Refused("other_body"))
		return
	}
	e.row, e.stage = stored, written
}

// giveBack is step 5.
func (h Place) giveBack(ctx context.Context, e *entry, version int, then error) {
	if err := seats.Release(ctx, h.Seats, e.group(), e.Message.OrderID, version); err != nil {
		e.end(err)
		return
	}
	e.end(then)
}

// steps are what follows a held order: its payment is opened, unless it was, and its end.
func (e *entry) steps() ([]message.Encoded, error) {
	row := e.row
	expire, err := message.Encode(message.ExpireHold{
		OrderID: row.OrderID, ConcertID: row.ConcertID, Group: row.Group, RowVersion: row.Version,
	}, e.trace())
	if err != nil || row.Status != contracts.Held {
		return []message.Encoded{expire}, err
	}
	open, err := message.Encode(message.OpenPayment{
		OrderID: row.OrderID, ConcertID: row.ConcertID, Group: row.Group, RowVersion: row.Version,
	}, e.trace())
	return []message.Encoded{open, expire}, err
}

// next sends what follows the held orders (steps 3 and 4), in one send. A repeat is harmless: its handlers act by the row.
func (h Place) next(ctx context.Context, entries []*entry) error {
	var messages []message.Encoded
	var due []*entry
	for _, e := range entries {
		steps, err := e.steps()
		if err != nil {
			e.end(retry.Poison("encode", err))
			continue
		}
		messages = append(messages, steps...)
		due = append(due, e)
	}
	if len(messages) == 0 {
		return nil
	}
	if err := h.Sender.Send(ctx, messages...); err != nil {
		return fmt.Errorf("send OpenPayment and ExpireHold: %w", err)
	}
	for _, e := range due {
		e.end(nil)
	}
	return nil
}
