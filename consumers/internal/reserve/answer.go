package reserve

import (
	"context"
	"fmt"
	"slices"

	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
)

// applyAnswer makes the row that an answer of the script leads to, or ends the entry if there is no row to write.
func (h Place) applyAnswer(ctx context.Context, e *entry, a holds.Answer) {
	if a.Outcome == holds.Held {
		h.applyHold(e, a)
	} else {
		h.applyRefusal(ctx, e, a)
	}
}

// applyHold makes the row of a held order. Seats, times and price come from the script's answer, not from the message: an order
// that had a hold here already keeps its first seats and its first expiry.
//
// A hold of other or fewer seats than the message asks for never becomes a row, since that row would sell half an order. The
// script makes no such hold. If there is one, it is released, and the order is rejected for the seats that it does not have.
func (h Place) applyHold(e *entry, a holds.Answer) {
	price := e.layout.Price
	e.hold = &order.Hold{
		Seats: e.layout.Names(a.Places), HeldAt: a.HeldAt, ExpiresAt: a.ExpiresAt,
		Amount:     contracts.Money{Minor: price.Minor * int64(len(a.Places)), Currency: price.Currency},
		BuyerLimit: e.concert.BuyerLimit(),
	}
	missing := func(seat string) bool { return !slices.Contains(e.hold.Seats, seat) }
	switch asked, best := e.Message.Seats, e.Message.BestAvailable; {
	case best != nil && len(e.hold.Seats) != best.Quantity:
		h.reject(e, contracts.ReasonNoAdjacent, nil)
		e.mustRelease = true
	case best == nil && (len(e.hold.Seats) != len(asked) || slices.ContainsFunc(asked, missing)):
		h.reject(e, contracts.ReasonSeatTaken, slices.DeleteFunc(slices.Clone(asked), func(seat string) bool { return !missing(seat) }))
		e.mustRelease = true
	default:
		e.row, e.stage = order.NewHeld(e.Message, e.Delivery.Fence(), *e.hold, h.cause(e)), held
	}
}

// applyRefusal ends or forwards an order that has no hold.
func (h Place) applyRefusal(ctx context.Context, e *entry, a holds.Answer) {
	switch a.Outcome {
	case holds.Unknown:
		// The order asks for any adjacent seats, and this group has no record of it.
		h.reject(e, contracts.ReasonNoAdjacent, nil)
	case holds.Taken:
		h.reject(e, contracts.ReasonSeatTaken, e.layout.Names(a.Places))
	case holds.Gone:
		h.reject(e, contracts.ReasonDeadlinePassed, nil)
	case holds.Forwarded:
		if slices.Contains(e.Message.Visited, a.To.Group) {
			// The same order was sent twice, to two groups, and each group has forwarded its message to the other: one of them lost
			// its record of the order in between. Neither message can be forwarded, so a row ends the order, if it has none yet.
			h.reject(e, contracts.ReasonNoAdjacent, nil)
			break
		}
		e.end(h.forward(ctx, e, a.To))
	case holds.Other:
		// A message with the same order id and another body came first. It has written the row, or was forwarded from here. If
		// both were forwarded, each may find the other's record in its next group. So this message writes a row too, if the order
		// has none yet: without a row its buyer would wait for ever.
		reason := contracts.ReasonSeatTaken
		if e.Message.BestAvailable != nil {
			reason = contracts.ReasonNoAdjacent
		}
		h.reject(e, reason, e.Message.Seats)
	default:
		e.end(retry.Poison("unknown_answer", fmt.Errorf("hold answered %q", a.Outcome)))
	}
}

// reject makes the REJECTED row of an order.
func (h Place) reject(e *entry, reason contracts.Reason, seats []string) {
	e.row, e.stage = order.NewRejected(e.Message, e.Delivery.Fence(), reason, seats, h.cause(e)), rejected
}
