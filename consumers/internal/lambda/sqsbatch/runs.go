package sqsbatch

import (
	"context"
	"fmt"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
)

// Runs handles consecutive messages of a group in one call.
type Runs struct {
	// Joins reports whether a message may be part of a run. It must be quick and use the attributes only, such as the kind: it
	// is called for a message each time that the message may be next.
	Joins func(d message.Delivery) bool
	// Handle handles a run of one message or more, in order. It gets every message that Joins accepts, also a single one, so
	// that a kind has one handler. It returns one error for each message, in their order, as a Handler does.
	//
	// The first error that does not acknowledge its message stops the group there. Every later message of the run is
	// redelivered whatever its error says, so handling it again must be harmless; its poison is not buried. If the slice is
	// shorter than the run, the remaining messages were not started. Each message has its own trace, so the context carries
	// none.
	Handle func(ctx context.Context, run []message.Delivery) []error
}

// nextItems returns the items that are handled next: the longest run from the group's next message on, or that message alone.
// alone limits a run to one message. inRun says that the items go to Runs.Handle.
func (b *Batches) nextItems(g *group, alone bool) (items []item, inRun bool) {
	rest := g.items[g.next:]
	if b.options.Runs == nil || !b.options.Runs.Joins(rest[0].Delivery) {
		return rest[:1], false
	}
	n := 1
	for !alone && n < len(rest) && b.options.Runs.Joins(rest[n].Delivery) {
		n++
	}
	return rest[:n], true
}

// handleRun handles a run. After a panic the whole run is returned, since it is not known which of its messages are done.
func (b *Batches) handleRun(ctx context.Context, items []item) (outcomes []retry.Outcome) {
	ctx, cancel := b.withinBudget(ctx)
	defer cancel()
	run := make([]message.Delivery, len(items))
	for i, m := range items {
		run[i] = m.Delivery
	}
	var errs []error
	err := b.safely(ctx, "handler", items[0].MessageID, func() error {
		errs = b.options.Runs.Handle(ctx, run)
		if len(errs) > len(run) {
			// It is not known which error belongs to which message.
			return fmt.Errorf("run of %d messages got %d outcomes", len(run), len(errs))
		}
		return nil
	})
	if err != nil {
		return []retry.Outcome{classify(err)}
	}
	outcomes = make([]retry.Outcome, len(errs))
	for i, err := range errs {
		outcomes[i] = classify(err)
	}
	return outcomes
}
