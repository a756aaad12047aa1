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

// Reasons of events that are kept as dead letters.
const (
	// reasonNoEvent: no handler writes such a row, so it has no event.
	reasonNoEvent = "no_event"
	// reasonTooLarge: the bus takes no event of that size.
	reasonTooLarge = "event_too_large"
	// reasonRefused: the bus says that the event itself is at fault.
	reasonRefused = "event_refused"
)

// refusal is a row version that cannot become an event on the bus.
type refusal struct {
	record streambatch.Record
	// event is the zero event where the row has none.
	event  event.Event
	reason string
	err    error
}

// keep writes the letter of a refusal and reports it. Without the letter the record must come again: it is all that is left
// of the version once the stream has forgotten it.
//
// The letter has the event's detail, which is made from an allow-list. The row itself has the buyer's client secret.
func (p Publisher) keep(ctx context.Context, r refusal) error {
	row := r.record.Row
	letter := readmodel.DeadLetter{
		MessageKey: readmodel.EventKey(row.OrderID, row.Version), Kind: r.event.DetailType, OrderID: row.OrderID,
		SeatGroup: row.SeatGroup().Key(), Reason: r.reason, Body: r.event.Detail, At: contracts.InstantOf(p.Now()),
	}
	if err := p.Letters.Keep(ctx, letter.Fitted()); err != nil {
		return fmt.Errorf("keep the event of order %s version %d, which the bus will not take: %w", row.OrderID, row.Version, err)
	}
	p.Log.ErrorContext(ctx, "event kept as a dead letter", telemetry.KeySequence, r.record.SequenceNumber, telemetry.KeyOrder, row.OrderID,
		telemetry.KeyVersion, row.Version, telemetry.KeyReason, r.reason, telemetry.KeyError, r.err.Error())
	p.Meter.Put(telemetry.EventsRefused, 1)
	return nil
}
