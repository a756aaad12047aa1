package streambatch

import (
	"context"
	"errors"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts"
)

// Hint says that the row of an order has changed, but not how: the handler reads the row.
type Hint struct {
	SequenceNumber string
	OrderID        contracts.OrderID
}

// HintHandler handles hints in their order. Its results mean the same as those of a Handler.
type HintHandler func(ctx context.Context, hints []Hint) (done int, err error)

// Keys is a batch of a stream whose records are decoded without their images.
type Keys struct {
	Records []struct {
		Change struct {
			SequenceNumber string
			Keys           struct {
				OrderID struct {
					S string
				} `json:"orderId"`
			}
		} `json:"dynamodb"`
	}
}

// HintBatches handles batches of hints. It is safe for concurrent use.
type HintBatches struct {
	handler HintHandler
	o       Options
}

// NewHints returns a HintBatches.
func NewHints(handler HintHandler, o Options) *HintBatches {
	return &HintBatches{handler: handler, o: o.withDefaults()}
}

var errNoKey = errors.New("the record has no order id")

// Handle is the Lambda handler. It returns no error. The deletion of a row is a hint too; the handler finds no row.
func (b *HintBatches) Handle(ctx context.Context, keys Keys) (events.DynamoDBEventResponse, error) {
	hints := make([]Hint, 0, len(keys.Records))
	for _, r := range keys.Records {
		if r.Change.Keys.OrderID.S == "" {
			b.o.skip(ctx, r.Change.SequenceNumber, errNoKey)
			continue
		}
		hints = append(hints, Hint{SequenceNumber: r.Change.SequenceNumber, OrderID: contracts.OrderID(r.Change.Keys.OrderID.S)})
	}
	ids := func(h Hint) (string, contracts.OrderID) { return h.SequenceNumber, h.OrderID }
	return batch[Hint]{records: hints, ids: ids, o: b.o}.handle(ctx, b.handler), nil
}
