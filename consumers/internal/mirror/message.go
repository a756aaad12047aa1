package mirror

import (
	"context"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
	"boxoffice/contracts/telemetry"
)

// HandleMessage handles one MirrorOrder, in the order of its group: the row is read again and applied as it is now, so that
// the message may be late, repeated or overtaken by the stream. While the group cannot be reached it is returned like any
// other message of it.
//
// A broken invariant is poison here as in the stream: an alarm, and a letter instead of a stalled group. The row stays the
// truth, and a repair of the group does what is left undone here.
func (m Mirror) HandleMessage(ctx context.Context, o message.MirrorOrder) error {
	row, found, err := m.read(ctx, o.OrderID)
	if err != nil {
		return err
	}
	if !found {
		// The stream read it before the message was sent. It is not on its way but gone: never a stalled group for it.
		return retry.Refused("no_row")
	}
	err = m.apply(ctx, row)
	if retry.IsPoison(err) {
		m.Meter.Put(telemetry.InvariantsBroken, 1)
	}
	return err
}
