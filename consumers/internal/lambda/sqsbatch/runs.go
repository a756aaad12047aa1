package sqsbatch

import (
	"context"
	"fmt"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
)

// Runs lets consecutive messages of a group be handled in one call.
type Runs struct {
	// Joins says whether a message may be part of a run. It must be cheap and tell by what is on the outside, as the
	// kind: it is asked for a message each time that one may be next.
	Joins func(d message.Delivery) bool
	// Handle handles a run, one message or more, in order. It handles every message that Joins accepts, also one that is
	// alone, so that a kind has one handler. It returns one error for each message, in their order, as a Handler does.
	//
	// The first error that does not acknowledge its message stops the group there. Every later message of the run is
	// redelivered whatever its error says, so handling it again must be harmless; its poison is not buried. Messages beyond
	// the end of a shorter slice were not started. The messages have traces of their own, so the context carries none.
	Handle func(ctx context.Context, run []message.Delivery) []error
}

// stretchOf is what comes next in a group: the longest run from its next message on, or that message alone.
func (b *Batches) stretchOf(g *group, alone bool) (stretch []item, run bool) {
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

// handleRun is handle for a run. A panic returns all of it: which of its messages were done is not known.
func (b *Batches) handleRun(ctx context.Context, stretch []item) (outcomes []retry.Outcome) {
	ctx, cancel := b.withinBudget(ctx)
	defer cancel()
	run := make([]message.Delivery, len(stretch))
	for i, one := range stretch {
		run[i] = one.Delivery
	}
	var errs []error
	err := b.safely(ctx, "handler", stretch[0].MessageID, func() error {
		errs = b.options.Runs.Handle(ctx, run)
		if len(errs) > len(run) {
			// It is not known which of them belong to which message.
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
