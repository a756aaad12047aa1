// Package publish puts each version of an order's row on the bus, once at least and in the order of the stream. Here the
// image of the record counts, not the present row: every version is an event of its own.
//
// A shard goes on only when a record is done. An event that the bus will never take is therefore kept as a dead letter
// (refused.go), and the shard goes on.
package publish

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"boxoffice/consumers/internal/lambda/streambatch"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/event"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
)

// Bus takes events.
type Bus interface {
	// Put puts at most MaxPut events on the bus, in one call, and returns an error for each that the bus did not take, nil
	// for the others. err is that of the call: then it is not known of any. An error that retry.Classify calls poison is
	// final: the same event, or the same call, would be refused again.
	Put(ctx context.Context, events []event.Event) (failed []error, err error)
}

// Letters keeps the events that the bus will not take. The same letter again is the same letter.
type Letters interface {
	Keep(ctx context.Context, letter readmodel.DeadLetter) error
}

// MaxPut and maxPutBytes are what EventBridge takes in one call; an event alone may be as large as a call. It counts the
// source, the type, the detail and 14 bytes for the time of each entry.
const (
	MaxPut      = 10
	maxPutBytes = 1 << 20
	timeBytes   = 14
)

// sizeOf is what EventBridge counts of an event.
func sizeOf(e event.Event) int {
	return len(event.Source) + len(e.DetailType) + len(e.Detail) + timeBytes
}

// Publisher publishes records.
type Publisher struct {
	Bus     Bus
	Letters Letters
	Log     *slog.Logger
	Meter   *telemetry.Meter
	Now     func() time.Time
}

// Handle implements streambatch.Handler: it publishes until the first event that the bus did not take. That one and all
// later ones come again, also those that the bus took after it; consumers compare versions. An event that the bus refuses
// for good is kept, and does not stop those behind it.
func (p Publisher) Handle(ctx context.Context, records []streambatch.Record) (done int, err error) {
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

// put publishes the first records of a chunk, as many as one call takes. done are those that need nothing more: published,
// or kept as a letter.
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
		// The call was refused for one of its events, and it is not known for which.
		return p.put(ctx, chunk[:len(events)/2])
	default:
		return p.answered(ctx, chunk[:1], events, []error{err})
	}
}

// answered goes through the answers to a call, up to the first event that may pass another time.
func (p Publisher) answered(ctx context.Context, records []streambatch.Record, events []event.Event, failed []error) (done int, err error) {
	published := 0
	for done < len(events) && err == nil {
		switch {
		case done >= len(failed):
			err = fmt.Errorf("the bus answered for %d of %d events", len(failed), len(events))
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

// around publishes what is before a record whose event cannot be put, which fits in one call, and then keeps that one. What
// is before it may come again, and then nothing is kept yet.
func (p Publisher) around(ctx context.Context, chunk []streambatch.Record, bad int, why refusal) (done int, err error) {
	if bad > 0 {
		return p.put(ctx, chunk[:bad])
	}
	if err := p.keep(ctx, why); err != nil {
		return 0, err
	}
	return 1, nil
}
