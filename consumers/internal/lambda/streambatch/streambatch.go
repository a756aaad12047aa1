// Package streambatch decodes the batches of a DynamoDB stream for handlers. It passes the records to its handler in their order,
// and its response says from which record on the stream must redeliver them. No other package sees a batch.
//
// A handler of versions gets the new image of each record (New). A handler of hints gets only the key (NewHints). Parts that no
// handler needs are not decoded: never the old image, and for hints no image at all.
//
// A shard continues only after a batch is done, so one record must never stop it for good. A record that cannot be decoded is
// logged, counted and skipped. The rows still have what a reader of the stream misses in this way.
package streambatch

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts"
	"boxoffice/contracts/telemetry"
)

// Options are the options of New and NewHints. The zero value is usable.
type Options struct {
	// Logger logs failed and skipped records. Default: no log.
	Logger *slog.Logger
	// Meter counts skipped records. Default: no metric.
	Meter *telemetry.Meter
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// passOver logs and counts a record that cannot be decoded.
func (o Options) passOver(ctx context.Context, sequence string, err error) {
	o.Logger.ErrorContext(ctx, "record passed over", telemetry.KeySequence, sequence, telemetry.KeyError, err.Error())
	o.Meter.Put(telemetry.RecordsPassedOver, 1)
}

// batch has the decoded records of one invocation.
type batch[R any] struct {
	records []R
	// name returns the sequence number of a record, by which the stream redelivers it, and its order, for the log.
	name func(R) (sequence string, id contracts.OrderID)
	o    Options
}

// handle handles one batch. Its response has no failure, or the first record that is not done: the stream redelivers that record
// and all later ones. It never returns an error: that would redeliver the whole batch, including the records that are done.
func (b batch[R]) handle(ctx context.Context, handler func(context.Context, []R) (int, error)) events.DynamoDBEventResponse {
	none := events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{}}
	if len(b.records) == 0 {
		return none
	}
	done, err := b.guarded(ctx, handler)
	if done >= len(b.records) && err == nil {
		return none
	}
	sequence, id := b.name(b.records[min(max(done, 0), len(b.records)-1)])
	attributes := []any{telemetry.KeySequence, sequence, telemetry.KeyOrder, id}
	if err != nil {
		attributes = append(attributes, telemetry.KeyError, err.Error())
	}
	b.o.Logger.WarnContext(ctx, "records will be redelivered", attributes...)
	return events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{{ItemIdentifier: sequence}}}
}

// guarded calls the handler and returns a panic as an error with nothing done. The handler may use the whole time of the context:
// boot ends the context early enough for the response.
func (b batch[R]) guarded(ctx context.Context, handler func(context.Context, []R) (int, error)) (done int, err error) {
	defer func() {
		if p := recover(); p != nil {
			b.o.Logger.ErrorContext(ctx, "handler panicked", telemetry.KeyError, fmt.Sprint(p), telemetry.KeyStack, string(debug.Stack()))
			done, err = 0, fmt.Errorf("handler panicked: %v", p)
		}
	}()
	return handler(ctx, b.records)
}
