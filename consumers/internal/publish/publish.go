// Package publish puts each version of an order's row on the bus, once at least and in the order of the stream. Here the
// image of the record counts, not the present row: every version is an event of its own.
package publish

import (
	"context"
	"fmt"
	"log/slog"

	"boxoffice/consumers/internal/streambatch"
	"boxoffice/contracts/event"
	"boxoffice/contracts/telemetry"
)

// Bus takes events.
type Bus interface {
	// Put puts at most MaxPut events on the bus, in one call, and answers an error for each that the bus did not take,
	// nil for the others. err is that of the call: then it is not known of any.
	Put(ctx context.Context, events []event.Event) (failed []error, err error)
}

// MaxPut and maxPutBytes are what EventBridge takes in one call. It counts the source, the type, the detail and 14 bytes
// for the time of each entry.
const (
	MaxPut      = 10
	maxPutBytes = 1 << 20
	timeBytes   = 14
)

// Publisher publishes records.
type Publisher struct {
	Bus   Bus
	Log   *slog.Logger
	Meter *telemetry.Meter
}

// Handle implements streambatch.Handler: it publishes until the first event that the bus did not take. That one and all
// later ones come again, also those that the bus took after it; consumers compare versions.
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

// put publishes the first records of a chunk, as many as one call takes.
func (p Publisher) put(ctx context.Context, chunk []streambatch.Record) (taken int, err error) {
	events := make([]event.Event, 0, len(chunk))
	size := 0
	for i, r := range chunk {
		e, err := event.Of(r.Row)
		if err != nil {
			// No handler writes such a row. Left in, it would stop the shard for good.
			return p.around(ctx, chunk, i, err)
		}
		if size += len(event.Source) + len(e.DetailType) + len(e.Detail) + timeBytes; size > maxPutBytes && i > 0 {
			break
		}
		events = append(events, e)
	}
	failed, err := p.Bus.Put(ctx, events)
	if err != nil {
		return 0, fmt.Errorf("put %d events: %w", len(events), err)
	}
	for taken < len(events) && err == nil {
		switch {
		case taken >= len(failed):
			err = fmt.Errorf("the bus answered for %d of %d events", len(failed), len(events))
		case failed[taken] != nil:
			err = fmt.Errorf("event of order %s version %d: %w", chunk[taken].Row.OrderID, chunk[taken].Row.Version, failed[taken])
		default:
			taken++
		}
	}
	p.Meter.Put(telemetry.EventsPublished, float64(taken))
	return taken, err
}

// around publishes what is before a row that has no event, which fits in one call, and then passes that one over.
func (p Publisher) around(ctx context.Context, chunk []streambatch.Record, bad int, why error) (taken int, err error) {
	if bad > 0 {
		if taken, err = p.put(ctx, chunk[:bad]); err != nil {
			return taken, err
		}
	}
	p.Log.ErrorContext(ctx, "row without an event passed over", telemetry.KeySequence, chunk[bad].SequenceNumber, telemetry.KeyError, why.Error())
	p.Meter.Put(telemetry.RecordsPassedOver, 1)
	return bad + 1, nil
}
