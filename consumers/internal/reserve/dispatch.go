package reserve

import (
	"context"
	"fmt"

	"boxoffice/consumers/internal/rebuild"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
)

// Dispatcher chooses the handler of a message by its kind.
type Dispatcher struct {
	Place   Place
	Rebuild rebuild.Handler
}

// Handle decodes and handles one message of orders.fifo. What does not decode is poison at once: another attempt
// would read the same bytes.
func (r Dispatcher) Handle(ctx context.Context, d message.Delivery) retry.Outcome {
	decoded, err := message.Decode(d.Body)
	if err != nil {
		return retry.Classify(err)
	}
	switch m := decoded.(type) {
	case message.PlaceOrder:
		return r.Place.Handle(ctx, d, m)
	case message.RebuildGroup:
		return r.Rebuild.Handle(ctx, m)
	default:
		return retry.Poison("misrouted", fmt.Errorf("%s: %w", decoded.Kind(), errNoHandler))
	}
}
