package reconcile

import (
	"context"
	"fmt"
	"time"

	"boxoffice/consumers/internal/order"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// When an order's step is sent again, counted from the end of its hold: a look at Stripe while the buyer may just have
// paid, in each run; and the end of the order.
const (
	checkUntil  = 10 * time.Second
	expireAfter = 15 * time.Second
)

// due sends the next step of each order of a group whose step is late: its own message was lost, or is a dead letter. The
// index only says whom to look at.
func (r *Reconciler) due(ctx context.Context, g contracts.SeatGroup, now contracts.Instant, run int64) (sent steps, err error) {
	ids, err := r.Rows.DueIDs(ctx, g, now)
	if err != nil || len(ids) == 0 {
		return sent, err
	}
	rows, err := r.Rows.ReadMany(ctx, ids)
	if err != nil {
		return sent, err
	}
	var messages []message.Encoded
	for _, row := range rows {
		step := next(row, now, run)
		if step == nil {
			continue
		}
		encoded, err := message.Encode(step, "")
		if err != nil {
			return steps{}, err
		}
		sent.count(step)
		messages = append(messages, encoded)
	}
	if len(messages) == 0 {
		return sent, nil
	}
	if err := r.Sender.Send(ctx, messages...); err != nil {
		return steps{}, fmt.Errorf("send late steps of %s: %w", g.Key(), err)
	}
	return sent, nil
}

// steps counts what was sent again.
type steps struct{ opened, checked, expired, captured int }

func (s *steps) count(m message.Message) {
	switch m.Kind() {
	case message.KindOpenPayment:
		s.opened++
	case message.KindCheckPayment:
		s.checked++
	case message.KindExpireHold:
		s.expired++
	case message.KindCapturePayment:
		s.captured++
	}
}

func (s *steps) add(o steps) {
	s.opened += o.opened
	s.checked += o.checked
	s.expired += o.expired
	s.captured += o.captured
}

// next is the step of an order that is late, nil if none is. The number of the run makes each send a new one, which
// deduplication does not swallow.
func next(row order.Order, now contracts.Instant, run int64) message.Message {
	switch {
	case now < row.DueAt:
		return nil
	case row.Status.Open() && now >= row.HoldExpiresAt.Add(expireAfter):
		return message.ExpireHold{OrderID: row.OrderID, ConcertID: row.ConcertID, Group: row.Group, RowVersion: row.Version, Run: run}
	case row.Status == contracts.Held:
		return message.OpenPayment{OrderID: row.OrderID, ConcertID: row.ConcertID, Group: row.Group, RowVersion: row.Version, Run: run}
	case row.Status == contracts.AwaitingPayment && now < row.HoldExpiresAt.Add(checkUntil):
		return message.CheckPayment{OrderID: row.OrderID, ConcertID: row.ConcertID, Group: row.Group, CauseID: commandOf(run)}
	case row.Status == contracts.Committed:
		return message.CapturePayment{OrderID: row.OrderID, ConcertID: row.ConcertID, Group: row.Group, RowVersion: row.Version, Run: run}
	default:
		return nil
	}
}
