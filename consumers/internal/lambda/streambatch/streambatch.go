// Package streambatch is the only code that sees a batch of a DynamoDB stream. It decodes the part of each record that its
// handler needs, passes the records to the handler in their order, and returns the first record that must be redelivered.
//
// A handler of versions gets the new image of each record (New); a handler of hints gets only the key (NewHints). Other parts
// are not decoded: never the old image, and for hints no image at all.
//
// It guarantees that no record is acknowledged before the handler has reported it as done, except one that cannot be decoded: a
// shard continues only after its batch is done, so a record that stays unreadable would stop it for ever. Such a record is
// logged, counted and skipped; its effect is restored from the rows. A record may be handled more than once. It needs an event
// source mapping that reports batch item failures, and a context that ends early enough for the response (package boot).
package streambatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/telemetry"
)

// Options are the options of New and NewHints. A zero field means its default.
type Options struct {
	// Logger gets a line for each failure and each skipped record. Default none.
	Logger *slog.Logger
	// Meter counts skipped records. Default none.
	Meter *telemetry.Meter
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// skip logs and counts a record that cannot be decoded.
func (o Options) skip(ctx context.Context, sequence string, err error) {
	o.Logger.ErrorContext(ctx, "record passed over", telemetry.KeySequence, sequence, telemetry.KeyError, err.Error())
	o.Meter.Put(telemetry.RecordsPassedOver, 1)
}

// batch contains the decoded records of one invocation.
type batch[R any] struct {
	records []R
	// ids returns the sequence number of a record, which identifies it to the stream, and its order.
	ids func(R) (sequence string, id contracts.OrderID)
	o   Options
}

// handle calls the handler and returns a response without failures, or with the first record that must be redelivered. The
// stream redelivers that record and all later ones. handle returns no error, since an error would redeliver the whole batch,
// including the records that are done.
func (b batch[R]) handle(ctx context.Context, handler func(context.Context, []R) (int, error)) events.DynamoDBEventResponse {
	none := events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{}}
	if len(b.records) == 0 {
		return none
	}
	done, err := b.callSafely(ctx, handler)
	if done >= len(b.records) && err == nil {
		return none
	}
	sequence, id := b.ids(b.records[min(max(done, 0), len(b.records)-1)])
	attributes := []any{telemetry.KeySequence, sequence, telemetry.KeyOrder, id}
	if err != nil {
		attributes = append(attributes, telemetry.KeyError, err.Error())
	}
	b.o.Logger.WarnContext(ctx, "records are redelivered", attributes...)
	return events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{{ItemIdentifier: sequence}}}
}

// callSafely calls the handler. After a panic no record counts as done. The handler has all of the context's time: boot ends the
// context of an invocation early enough for the response.
func (b batch[R]) callSafely(ctx context.Context, handler func(context.Context, []R) (int, error)) (done int, err error) {
	err = retry.Safely("handler", func() (err error) {
		done, err = handler(ctx, b.records)
		return err
	})
	var panicked *retry.PanicError
	if errors.As(err, &panicked) {
		b.o.Logger.ErrorContext(ctx, "handler panicked", telemetry.KeyError, fmt.Sprint(panicked.Value), telemetry.KeyStack, panicked.Stack)
		done = 0
	}
	return done, err
}
