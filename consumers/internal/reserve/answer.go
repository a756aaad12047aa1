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

// follow makes the row that an answer leads to, or ends the entry where there is none to write.
func (h Place) follow(ctx context.Context, e *entry, a holds.Answer) {
	if a.Outcome == holds.Held {
		h.take(e, a)
	} else {
		h.refuse(ctx, e, a)
	}
}

// take makes the row of a held order. Seats, times and price come from what the script answered, not from what was
// asked: an order that already held here keeps its first seats and its first end.
//
// A hold of other seats than were asked for, or of fewer, never becomes a row: no call makes one, and a row of it would
// sell half an order. It goes back, and the order is refused for the seats that it does not have.
func (h Place) take(e *entry, a holds.Answer) {
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
		e.release = true
	case best == nil && (len(e.hold.Seats) != len(asked) || slices.ContainsFunc(asked, missing)):
		h.reject(e, contracts.ReasonSeatTaken, slices.DeleteFunc(slices.Clone(asked), func(seat string) bool { return !missing(seat) }))
		e.release = true
	default:
		e.row, e.stage = order.NewHeld(e.Message, e.Delivery.Fence(), *e.hold, h.cause(e)), held
	}
}

// refuse settles an order that got no seats.
func (h Place) refuse(ctx context.Context, e *entry, a holds.Answer) {
	switch a.Outcome {
	case holds.Unknown:
		// It was for any adjacent seats, and nothing of it is here.
		h.reject(e, contracts.ReasonNoAdjacent, nil)
	case holds.Taken:
		h.reject(e, contracts.ReasonSeatTaken, e.layout.Names(a.Places))
	case holds.Gone:
		h.reject(e, contracts.ReasonDeadlinePassed, nil)
	case holds.Forwarded:
		if slices.Contains(e.Message.Visited, a.To.Group) {
			// The same order was sent twice, to two groups, each of which has sent its message on to the other: one of them forgot
			// the order in between. Neither message can go on, so a row ends the order, if there is none yet.
			h.reject(e, contracts.ReasonNoAdjacent, nil)
			break
		}
		e.end(h.sendOn(ctx, e, a.To))
	case holds.Other:
		// Another body came first under the same key, and its own message has written the row before this one's turn, or was
		// sent on from here. Then each of two may meet the other's note in the group that it is sent to, so this one is
		// refused by a row, if there is none yet: a message that left the queue without one would leave its buyer waiting.
		reason := contracts.ReasonSeatTaken
		if e.Message.BestAvailable != nil {
			reason = contracts.ReasonNoAdjacent
		}
		h.reject(e, reason, nil)
	default:
		e.end(retry.Poison("unknown_answer", fmt.Errorf("hold answered %q", a.Outcome)))
	}
}

func (h Place) reject(e *entry, reason contracts.Reason, seats []string) {
	e.row, e.stage = order.NewRejected(e.Message, e.Delivery.Fence(), reason, seats, h.cause(e)), rejected
}
