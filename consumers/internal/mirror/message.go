package mirror

import (
	"context"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
	"boxoffice/contracts/telemetry"
)

// HandleMessage handles one MirrorOrder, in the order of its group. It reads the row and applies it as it is now, so the message
// may be late, repeated or overtaken by the stream. While the group is unreachable the error is retryable, as for any other
// message of the group.
//
// A broken invariant is poison: it raises an alarm and makes a dead letter, and does not stall the group. The row stays the
// truth, and a repair of the group applies it.
func (m Mirror) HandleMessage(ctx context.Context, o message.MirrorOrder) error {
	row, found, err := m.read(ctx, o.OrderID)
	if err != nil {
		return err
	}
	if !found {
		// The stream read the row before it sent the message, so the row was deleted. It must not stall the group.
		return retry.Refused("no_row")
	}
	err = m.apply(ctx, row)
	if retry.IsPoison(err) {
		m.Meter.Put(telemetry.InvariantsBroken, 1)
	}
	return err
}
