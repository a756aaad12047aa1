// Package streambatch is the only code that sees a batch of a DynamoDB stream. It decodes the rows, hands them to a
// handler in their order, and answers from which record on the stream must give them out again.
//
// A shard goes on only when a batch is done, so one record must never stop it for good: a record that cannot be decoded
// is logged, counted and passed over. What a reader of the stream missed by that is made good from the rows.
package streambatch

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
)

// Record is one version of an order's row as the stream has it.
type Record struct {
	SequenceNumber string
	Row            readmodel.Order
}

// Handler handles records in their order and answers how many from the first on are done. The rest comes again, with
// what comes after it; so does all of it after a panic. The context ends at the end of the budget.
type Handler func(ctx context.Context, records []Record) (done int, err error)

// Options of New. A zero field has the default named beside it.
type Options struct {
	// Margin is kept of the invocation's time for answering. Default 500 ms.
	Margin time.Duration
	// Logger gets a line for what failed or was passed over. Default none.
	Logger *slog.Logger
	// Meter counts what was passed over. Default none.
	Meter *telemetry.Meter
}

// Batches handles batches. Safe for concurrent use.
type Batches struct {
	handler Handler
	o       Options
}

// New makes a Batches.
func New(handler Handler, o Options) *Batches {
	if o.Margin <= 0 {
		o.Margin = 500 * time.Millisecond
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Batches{handler: handler, o: o}
}

// Handle answers one batch: no failure, or the first record that must come again; the stream gives out that one and all
// later ones. It never answers an error: that would give out the whole batch, also what is done.
func (b *Batches) Handle(ctx context.Context, batch events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	records := make([]Record, 0, len(batch.Records))
	for _, r := range batch.Records {
		row, there, err := rowOf(r)
		if err != nil {
			b.o.Logger.ErrorContext(ctx, "record passed over", telemetry.KeySequence, r.Change.SequenceNumber, telemetry.KeyError, err.Error())
			b.o.Meter.Put(telemetry.RecordsPassedOver, 1)
			continue
		}
		if there {
			records = append(records, Record{SequenceNumber: r.Change.SequenceNumber, Row: row})
		}
	}
	none := events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{}}
	if len(records) == 0 {
		return none, nil
	}
	done, err := b.handle(ctx, records)
	if done >= len(records) && err == nil {
		return none, nil
	}
	first := records[min(max(done, 0), len(records)-1)]
	attributes := []any{telemetry.KeySequence, first.SequenceNumber, telemetry.KeyOrder, first.Row.OrderID}
	if err != nil {
		attributes = append(attributes, telemetry.KeyError, err.Error())
	}
	b.o.Logger.WarnContext(ctx, "records come again", attributes...)
	return events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{{ItemIdentifier: first.SequenceNumber}}}, nil
}

func (b *Batches) handle(ctx context.Context, records []Record) (done int, err error) {
	if end, limited := ctx.Deadline(); limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-b.o.Margin))
		defer cancel()
	}
	defer func() {
		if p := recover(); p != nil {
			b.o.Logger.ErrorContext(ctx, "handler panicked", telemetry.KeyError, fmt.Sprint(p), telemetry.KeyStack, string(debug.Stack()))
			done, err = 0, fmt.Errorf("handler panicked: %v", p)
		}
	}()
	return b.handler(ctx, records)
}
