package streambatch

import (
	"context"
	"errors"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts"
)

// Hint says that the row of an order has changed. It does not say how: the handler reads the row.
type Hint struct {
	SequenceNumber string
	OrderID        contracts.OrderID
}

// HintHandler handles hints in the same way as a Handler handles records.
type HintHandler func(ctx context.Context, hints []Hint) (done int, err error)

// Keys is a batch of stream records of which only the keys are decoded.
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

// NewHints returns a HintBatches that calls handler.
func NewHints(handler HintHandler, o Options) *HintBatches {
	return &HintBatches{handler: handler, o: o.withDefaults()}
}

var errNoKey = errors.New("the record names no order")

// Handle is the Lambda handler. A deleted row is a hint too: the handler finds no row.
func (b *HintBatches) Handle(ctx context.Context, keys Keys) (events.DynamoDBEventResponse, error) {
	hints := make([]Hint, 0, len(keys.Records))
	for _, r := range keys.Records {
		if r.Change.Keys.OrderID.S == "" {
			b.o.passOver(ctx, r.Change.SequenceNumber, errNoKey)
			continue
		}
		hints = append(hints, Hint{SequenceNumber: r.Change.SequenceNumber, OrderID: contracts.OrderID(r.Change.Keys.OrderID.S)})
	}
	name := func(h Hint) (string, contracts.OrderID) { return h.SequenceNumber, h.OrderID }
	return batch[Hint]{records: hints, name: name, o: b.o}.handle(ctx, b.handler), nil
}
