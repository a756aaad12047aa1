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

// write is steps 2 to 5: it writes the HELD rows in one call, then the REJECTED rows, and sends the messages of the next steps.
// No REJECTED row depends on a HELD row of the same call, not even on one whose put has an unknown result: an order that wants a
// seat of a HELD order is not rejected but waits for the next call.
func (h Place) write(ctx context.Context, entries []*entry) error {
	h.putAll(ctx, inStage(held, entries))
	h.putAll(ctx, inStage(rejected, entries))
	return h.sendNextSteps(ctx, inStage(written, entries))
}

// inStage returns the entries in a stage.
func inStage(s stage, entries []*entry) (some []*entry) {
	for _, e := range entries {
		if e.stage == s {
			some = append(some, e)
		}
	}
	return some
}

// putAll is step 2 for rows of one status: it writes them and continues with the result of each.
func (h Place) putAll(ctx context.Context, entries []*entry) {
	if len(entries) == 0 {
		return
	}
	rows := make([]order.Order, len(entries))
	for i, e := range entries {
		rows[i] = e.row
	}
	var overLimit []*entry
	for i, r := range h.Orders.PutAll(ctx, rows) {
		e := entries[i]
		switch r.Outcome {
		case order.PutDone:
			h.measure(e)
			h.afterPut(ctx, e)
		case order.PutRefused:
			h.afterPutRefused(ctx, e, r.Stored)
		case order.PutOverLimit:
			h.reject(e, contracts.ReasonLimitReached, nil)
			e.mustRelease = true
			overLimit = append(overLimit, e)
		default:
			e.end(fmt.Errorf("put row %s: %w", e.row.Status, r.Err))
		}
	}
	h.putAll(ctx, overLimit)
}

// afterPut continues after this message has written the row.
func (h Place) afterPut(ctx context.Context, e *entry) {
	if e.row.Status == contracts.Held {
		e.stage = written
		return
	}
	if e.mustRelease {
		h.releaseAndEnd(ctx, e, e.row.Version, retry.Refused(string(e.row.Reason.Code)))
		return
	}
	e.end(retry.Refused(string(e.row.Reason.Code)))
}

// afterPutRefused continues after a put that was refused because the order has a row: from an earlier delivery, from a message
// with another body under the same key, or from a handler that has ended the order.
func (h Place) afterPutRefused(ctx context.Context, e *entry, stored order.Order) {
	here := stored.SeatGroup() == e.Message.SeatGroup()
	switch {
	case here && stored.Status.Open():
		h.continueOpenRow(ctx, e, stored)
	case here && stored.Status.Paid():
		e.end(nil)
	default:
		// The row is of another group, or has ended: only the hold of this order in this group is released. "Not HELD" would be the
		// wrong condition, since an order that awaits its payment is not HELD either.
		h.releaseAndEnd(ctx, e, stored.Version, nil)
	}
}

// continueOpenRow continues with an open row of this group. The group's hold for the order belongs to the row, so it is never
// released: a release would end the order's record, and nothing could hold the row's seats again.
//
// If the script returned another hold than the row's, the hold is made what the row says. That happens if a put, whose response
// was lost, took effect after Redis had lost the hold, and a later attempt got other seats or a later expiry. Seats that another
// order has in the meantime are left to the tickets, as everywhere.
func (h Place) continueOpenRow(ctx context.Context, e *entry, stored order.Order) {
	own := stored.PlacedBy(e.Message)
	if e.hold != nil && (!own || !stored.HeldAs(*e.hold)) {
		if _, err := seats.Keep(ctx, h.Seats, h.Catalogue, stored); err != nil {
			e.end(err)
			return
		}
	}
	if !own {
		// A message with another body under the same key has written the row. That message does the next steps.
		e.end(retry.Refused("other_body"))
		return
	}
	e.row, e.stage = stored, written
}

// releaseAndEnd is step 5: it releases the order's hold in this group under the version of the row, and ends the entry with
// result.
func (h Place) releaseAndEnd(ctx context.Context, e *entry, version int, result error) {
	if err := seats.Release(ctx, h.Seats, e.group(), e.Message.OrderID, version); err != nil {
		e.end(err)
		return
	}
	e.end(result)
}

// nextSteps returns the messages of the next steps of an open order: OpenPayment, unless its payment is open already, and
// ExpireHold.
func (e *entry) nextSteps() ([]message.Encoded, error) {
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

// sendNextSteps is steps 3 and 4: it sends the messages of the next steps of open orders, in one send. A repeat is harmless,
// because their handlers decide by the row.
func (h Place) sendNextSteps(ctx context.Context, entries []*entry) error {
	var messages []message.Encoded
	var sent []*entry
	for _, e := range entries {
		steps, err := e.nextSteps()
		if err != nil {
			e.end(retry.Poison("encode", err))
			continue
		}
		messages = append(messages, steps...)
		sent = append(sent, e)
	}
	if len(messages) == 0 {
		return nil
	}
	if err := h.Sender.Send(ctx, messages...); err != nil {
		return fmt.Errorf("send OpenPayment and ExpireHold: %w", err)
	}
	for _, e := range sent {
		e.end(nil)
	}
	return nil
}
