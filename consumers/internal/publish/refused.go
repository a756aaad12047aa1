package publish

import (
	"context"
	"fmt"

	"boxoffice/consumers/internal/lambda/streambatch"
	"boxoffice/contracts"
	"boxoffice/contracts/event"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
)

// Reasons for which an event becomes a dead letter.
const (
	// reasonNoEvent: the row has no event. No handler writes such a row.
	reasonNoEvent = "no_event"
	// reasonTooLarge: the event is larger than the bus allows.
	reasonTooLarge = "event_too_large"
	// reasonRefused: the bus refuses the event because of its content.
	reasonRefused = "event_refused"
)

// refusal is a row version that cannot become an event on the bus.
type refusal struct {
	record streambatch.Record
	// event is the zero value if the row has no event.
	event  event.Event
	reason string
	err    error
}

// keep stores the dead letter of a refusal and logs it. If it fails, the record must be redelivered: after the stream has deleted
// the record, only the letter has this version.
//
// The letter has the detail of the event, which is made from an allow-list. It must not have the row, which has the buyer's
// client secret.
func (p Publisher) keep(ctx context.Context, r refusal) error {
	row := r.record.Row
	letter := readmodel.DeadLetter{
		MessageKey: readmodel.EventKey(row.OrderID, row.Version), Kind: r.event.DetailType, OrderID: row.OrderID,
		SeatGroup: row.SeatGroup().Key(), Reason: r.reason, Body: r.event.Detail, At: contracts.InstantOf(p.Now()),
	}
	if err := p.Letters.Keep(ctx, letter.Fitted()); err != nil {
		return fmt.Errorf("keep the event of order %s version %d, which the bus refuses: %w", row.OrderID, row.Version, err)
	}
	p.Log.ErrorContext(ctx, "event kept as a dead letter", telemetry.KeySequence, r.record.SequenceNumber, telemetry.KeyOrder, row.OrderID,
		telemetry.KeyVersion, row.Version, telemetry.KeyReason, r.reason, telemetry.KeyError, r.err.Error())
	p.Meter.Put(telemetry.EventsRefused, 1)
	return nil
}
