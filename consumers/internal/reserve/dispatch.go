package reserve

import (
	"context"
	"fmt"

	"boxoffice/consumers/internal/expire"
	"boxoffice/consumers/internal/mirror"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/seats"
	"boxoffice/contracts/message"
)

// Dispatcher handles the messages of orders.fifo: it calls the handler of each message's kind. It is safe for concurrent use.
type Dispatcher struct {
	Place   Place
	Cancel  Cancel
	Settle  Settle
	Expire  expire.Expire
	Mirror  mirror.Mirror
	Rebuild seats.Rebuild
}

// Handle decodes and handles one message. A message that does not decode is poison: another attempt would read the same bytes.
func (r Dispatcher) Handle(ctx context.Context, d message.Delivery) error {
	decoded, err := message.Decode(d.Body)
	if err != nil {
		return err
	}
	switch m := decoded.(type) {
	case message.PlaceOrder:
		return r.Place.HandleRun(ctx, []Placing{{Delivery: d, Message: m}})[0]
	case message.CancelOrder:
		return r.Cancel.Handle(ctx, d, m)
	case message.SettleOrder:
		return r.Settle.Handle(ctx, d, m)
	case message.ExpireHold:
		return r.Expire.HandleMessage(ctx, d, m)
	case message.MirrorOrder:
		return r.Mirror.HandleMessage(ctx, m)
	case message.RebuildGroup:
		return r.Rebuild.Handle(ctx, m)
	default:
		return retry.Poison("misrouted", fmt.Errorf("%s: %w", decoded.Kind(), errNoHandler))
	}
}

// Joins reports whether HandleRun may handle a message together with others.
func (r Dispatcher) Joins(d message.Delivery) bool {
	return d.Attributes.Kind == message.KindPlaceOrder
}

// HandleRun handles consecutive PlaceOrders of one group, and returns an error for each. A message that does not decode gets its
// own error, and the others are handled without it.
func (r Dispatcher) HandleRun(ctx context.Context, deliveries []message.Delivery) []error {
	errs := make([]error, len(deliveries))
	var run []Placing
	var at []int
	for i, d := range deliveries {
		decoded, err := message.Decode(d.Body)
		m, ok := decoded.(message.PlaceOrder)
		switch {
		case err != nil:
			errs[i] = err
		case !ok:
			errs[i] = retry.Poison("misrouted", fmt.Errorf("the attributes say %s, the body %s", d.Attributes.Kind, decoded.Kind()))
		default:
			run, at = append(run, Placing{Delivery: d, Message: m}), append(at, i)
		}
	}
	for i, err := range r.Place.HandleRun(ctx, run) {
		errs[at[i]] = err
	}
	return errs
}
