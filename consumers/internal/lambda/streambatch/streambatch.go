// Package streambatch is the only code that sees a batch of a DynamoDB stream. It decodes what its handler needs of each
// record, hands the records over in their order, and says in its response from which record on the stream must give them
// out again.
//
// A handler of versions gets the new image of each record (New); a handler of hints gets the key alone (NewHints). What
// nobody reads is not decoded: the old image never, and for hints no image at all.
//
// A shard goes on only when a batch is done, so one record must never stop it for good: a record that cannot be decoded
// is logged, counted and passed over. What a reader of the stream missed by that is made good from the rows.
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

// Options of New and NewHints. A zero field has the default named beside it.
type Options struct {
	// Logger gets a line for what failed or was passed over. Default none.
	Logger *slog.Logger
	// Meter counts what was passed over. Default none.
	Meter *telemetry.Meter
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// passOver logs and counts a record that nobody can read.
func (o Options) passOver(ctx context.Context, sequence string, err error) {
	o.Logger.ErrorContext(ctx, "record passed over", telemetry.KeySequence, sequence, telemetry.KeyError, err.Error())
	o.Meter.Put(telemetry.RecordsPassedOver, 1)
}

// batch is the records of one invocation, decoded.
type batch[R any] struct {
	records []R
	// name is what the log says of a record, and the number by which the stream gives it out again.
	name func(R) (sequence string, id contracts.OrderID)
	o    Options
}

// handle answers one batch: no failure, or the first record that must come again; the stream gives out that one and all
// later ones. It never answers an error: that would give out the whole batch, also what is done.
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
	b.o.Logger.WarnContext(ctx, "records come again", attributes...)
	return events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{{ItemIdentifier: sequence}}}
}

// guarded brings the whole batch again after a panic. The handler has all of the context's time: boot ends the context of an
// invocation early enough for the answer.
func (b batch[R]) guarded(ctx context.Context, handler func(context.Context, []R) (int, error)) (done int, err error) {
	defer func() {
		if p := recover(); p != nil {
			b.o.Logger.ErrorContext(ctx, "handler panicked", telemetry.KeyError, fmt.Sprint(p), telemetry.KeyStack, string(debug.Stack()))
			done, err = 0, fmt.Errorf("handler panicked: %v", p)
		}
	}()
	return handler(ctx, b.records)
}
