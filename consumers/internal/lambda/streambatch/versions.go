package streambatch

import (
	"context"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// Record is one version of an order's row from the stream.
type Record struct {
	SequenceNumber string
	Row            readmodel.Order
}

// Handler handles records in their order and returns how many, counted from the first, are done. The stream redelivers the rest
// and all later records. After a panic it redelivers the whole batch. The context ends early enough for the response.
type Handler func(ctx context.Context, records []Record) (done int, err error)

// Images is a batch of stream records of which only the new images are decoded.
type Images struct {
	Records []struct {
		Change struct {
			SequenceNumber string
			NewImage       map[string]events.DynamoDBAttributeValue
		} `json:"dynamodb"`
	}
}

// Batches handles batches of versions. It is safe for concurrent use.
type Batches struct {
	handler Handler
	o       Options
}

// New returns a Batches that calls handler.
func New(handler Handler, o Options) *Batches {
	return &Batches{handler: handler, o: o.withDefaults()}
}

// Handle is the Lambda handler. A deleted row is no version and is skipped.
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
