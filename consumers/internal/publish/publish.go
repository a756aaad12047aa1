// Package publish puts each version of an order's row on the bus, at least once and in the order of the stream. It uses the image
// in the stream record, not the current row: every version is an event of its own.
//
// A shard continues only after a record is done. An event that the bus refuses for good is therefore stored as a dead letter
// (refused.go), and the shard continues.
package publish

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"boxoffice/consumers/internal/lambda/streambatch"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/event"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
)

// Bus accepts events.
type Bus interface {
	// Put puts at most MaxPut events on the bus in one call. failed has an element for each event: nil if the bus has accepted
	// it. err means that the call failed and the result is unknown for all events. An error of class retry.ClassPoison is final:
	// the same event, or the same call, would be refused again.
	Put(ctx context.Context, events []event.Event) (failed []error, err error)
}

// Letters stores the events that the bus refuses.
type Letters interface {
	// Keep stores a letter. Storing the same letter again has no effect.
	Keep(ctx context.Context, letter readmodel.DeadLetter) error
}

// Settled counts the orders that reached a settled status, for operators.
type Settled interface {
	// Add adds to the counts. It is not idempotent, so it makes no second attempt. It blocks for at most 500 ms.
	Add(ctx context.Context, counts map[contracts.Status]int, now contracts.Instant) error
}

// MaxPut and maxPutBytes are EventBridge's limits of events and bytes in one call. One event may be as large as a call. EventBridge
// counts the source, the type, the detail and 14 bytes for the time of each entry.
const (
	MaxPut      = 10
	maxPutBytes = 1 << 20
	timeBytes   = 14
)

// sizeOf returns the size of an event as EventBridge counts it.
func sizeOf(e event.Event) int {
	return len(event.Source) + len(e.DetailType) + len(e.Detail) + timeBytes
}

// Publisher publishes records.
type Publisher struct {
	Bus     Bus
	Letters Letters
	// Settled may be nil.
	Settled Settled
	Log     *slog.Logger
	Meter   *telemetry.Meter
	Now     func() time.Time
}

// Handle implements streambatch.Handler. It publishes up to the first event that the bus did not accept. The stream redelivers that
// record and all later ones, also those whose events the bus has accepted; subscribers compare versions. An event that the bus
// refuses for good is stored as a dead letter and does not stop the events after it.
func (p Publisher) Handle(ctx context.Context, records []streambatch.Record) (done int, err error) {
	done, err = p.publish(ctx, records)
	p.count(ctx, records[:done])
	return done, err
}

// publish publishes records up to the first that must be redelivered.
func (p Publisher) publish(ctx context.Context, records []streambatch.Record) (done int, err error) {
	for done < len(records) {
		chunk := records[done:min(done+MaxPut, len(records))]
		taken, err := p.put(ctx, chunk)
		done += taken
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// put publishes the first records of a chunk, as many as fit into one call. done counts the records that are published or stored as
// a dead letter.
func (p Publisher) put(ctx context.Context, chunk []streambatch.Record) (done int, err error) {
	events := make([]event.Event, 0, len(chunk))
	size := 0
	for i, r := range chunk {
		e, err := event.Of(r.Row)
		switch {
		case err != nil:
			// No handler writes such a row.
			return p.around(ctx, chunk, i, refusal{record: r, reason: reasonNoEvent, err: err})
		case sizeOf(e) > maxPutBytes:
			return p.around(ctx, chunk, i, refusal{record: r, event: e, reason: reasonTooLarge, err: fmt.Errorf("the event has %d bytes", sizeOf(e))})
		}
		if size += sizeOf(e); size > maxPutBytes {
			break
		}
		events = append(events, e)
	}
	failed, err := p.Bus.Put(ctx, events)
	switch {
	case err == nil:
		return p.answered(ctx, chunk[:len(events)], events, failed)
	case retry.Classify(err).Class != retry.ClassPoison:
		return 0, fmt.Errorf("put %d events: %w", len(events), err)
	case len(events) > 1:
		// One of the events is the reason, but the bus does not say which.
		return p.put(ctx, chunk[:len(events)/2])
	default:
		return p.answered(ctx, chunk[:1], events, []error{err})
	}
}

// answered handles the results of a call, up to the first event that must be tried again.
func (p Publisher) answered(ctx context.Context, records []streambatch.Record, events []event.Event, failed []error) (done int, err error) {
	published := 0
	for done < len(events) && err == nil {
		switch {
		case done >= len(failed):
			err = fmt.Errorf("the bus returned results for %d of %d events", len(failed), len(events))
		case failed[done] == nil:
			published++
			done++
		case retry.Classify(failed[done]).Class == retry.ClassPoison:
			if err = p.keep(ctx, refusal{record: records[done], event: events[done], reason: reasonRefused, err: failed[done]}); err == nil {
				done++
			}
		default:
			err = fmt.Errorf("event of order %s version %d: %w", records[done].Row.OrderID, records[done].Row.Version, failed[done])
		}
	}
	p.Meter.Put(telemetry.EventsPublished, float64(published))
	return done, err
}

// around handles a chunk with a record whose event cannot be put. It publishes the records before that one, which fit into one call.
// If there are none, it stores the dead letter. So the letter is stored only after all records before it are done.
func (p Publisher) around(ctx context.Context, chunk []streambatch.Record, bad int, why refusal) (done int, err error) {
	if bad > 0 {
		return p.put(ctx, chunk[:bad])
	}
	if err := p.keep(ctx, why); err != nil {
		return 0, err
	}
	return 1, nil
}
