package streambatch

import (
	"context"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

// Record is one version of an order's row.
type Record struct {
	SequenceNumber string
	Row            readmodel.Order
}

// Handler handles records in their order and returns how many of them, counted from the first, are done. The others are
// redelivered, together with all later records of the shard; with an error, at least the last record is. After a panic all
// records are redelivered. The context ends early enough for the response.
type Handler func(ctx context.Context, records []Record) (done int, err error)

// Images is a batch of a stream whose records are decoded with their new images only.
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

// New returns a Batches.
func New(handler Handler, o Options) *Batches {
	return &Batches{handler: handler, o: o.withDefaults()}
}

// Handle is the Lambda handler. It returns no error. The deletion of a row is not a version.
func (b *Batches) Handle(ctx context.Context, images Images) (events.DynamoDBEventResponse, error) {
	records := make([]Record, 0, len(images.Records))
	for _, r := range images.Records {
		row, found, err := rowOf(r.Change.NewImage)
		switch {
		case err != nil:
			b.o.skip(ctx, r.Change.SequenceNumber, err)
		case found:
			records = append(records, Record{SequenceNumber: r.Change.SequenceNumber, Row: row})
		}
	}
	ids := func(r Record) (string, contracts.OrderID) { return r.SequenceNumber, r.Row.OrderID }
	return batch[Record]{records: records, ids: ids, o: b.o}.handle(ctx, b.handler), nil
}
