package streambatch

import (
	"context"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// Record is one version of an order's row as the stream has it.
type Record struct {
	SequenceNumber string
	Row            readmodel.Order
}

// Handler handles records in their order and answers how many from the first on are done. The rest comes again, with
// what comes after it; so does all of it after a panic. The context ends at the end of the budget.
type Handler func(ctx context.Context, records []Record) (done int, err error)

// Images is a batch of a stream of which only the new images are decoded.
type Images struct {
	Records []struct {
		Change struct {
			SequenceNumber string
			NewImage       map[string]events.DynamoDBAttributeValue
		} `json:"dynamodb"`
	}
}

// Batches handles batches of versions. Safe for concurrent use.
type Batches struct {
	handler Handler
	o       Options
}

// New makes a Batches.
func New(handler Handler, o Options) *Batches {
	return &Batches{handler: handler, o: o.withDefaults()}
}

// Handle is the Lambda handler. A removed row is no version.
func (b *Batches) Handle(ctx context.Context, images Images) (events.DynamoDBEventResponse, error) {
	records := make([]Record, 0, len(images.Records))
	for _, r := range images.Records {
		row, there, err := rowOf(r.Change.NewImage)
		switch {
		case err != nil:
			b.o.passOver(ctx, r.Change.SequenceNumber, err)
		case there:
			records = append(records, Record{SequenceNumber: r.Change.SequenceNumber, Row: row})
		}
	}
	name := func(r Record) (string, contracts.OrderID) { return r.SequenceNumber, r.Row.OrderID }
	return batch[Record]{records: records, name: name, o: b.o}.handle(ctx, b.handler), nil
}
