package reconcile

import (
	"context"
	"fmt"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
)

// due sends the next step of each order of a group whose step is late: its own message was lost, or is a dead letter.
func (r *Reconciler) due(ctx context.Context, g contracts.SeatGroup, now contracts.Instant, run int64) (expired int, err error) {
	ids, err := r.Rows.DueIDs(ctx, g, now)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	// The index only says whom to look at.
	rows, err := r.Rows.ReadMany(ctx, ids)
	if err != nil {
		return 0, err
	}
	var messages []message.Encoded
	for _, row := range rows {
		if !row.Status.Open() || now < row.DueAt {
			continue
		}
		encoded, err := message.Encode(message.ExpireHold{
			OrderID: row.OrderID, ConcertID: row.ConcertID, Group: row.Group, RowVersion: row.Version, Run: run,
		}, "")
		if err != nil {
			return 0, err
		}
		messages = append(messages, encoded)
	}
	if len(messages) == 0 {
		return 0, nil
	}
	if err := r.Sender.Send(ctx, messages...); err != nil {
		return 0, fmt.Errorf("send ExpireHold: %w", err)
	}
	return len(messages), nil
}
