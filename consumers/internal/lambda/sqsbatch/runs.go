package sqsbatch

import (
	"context"
	"fmt"
	"runtime/debug"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/message"
	"boxoffice/contracts/telemetry"
)

// Runs lets consecutive messages of a group be handled in one call.
type Runs struct {
	// Joins says whether a message may be part of a run. It must be cheap and tell by what is on the outside, as the
	// kind: it is asked for a message each time that one may be next.
	Joins func(d message.Delivery) bool
	// Handle handles a run, one message or more, in order. It handles every message that Joins takes, so that a kind has
	// one road: also one that is alone. It answers one outcome for each message, in their order.
	//
	// The first outcome that does not acknowledge stops the group there. What comes behind it in the run is returned
	// whatever its outcome says, is handled again and must bear that; its poison is not buried. Messages beyond the end
	// of a shorter answer were not started. The messages have traces of their own, so the context carries none.
	Handle func(ctx context.Context, run []message.Delivery) []retry.Outcome
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
	defer func() {
		if p := recover(); p != nil {
			b.options.Logger.ErrorContext(ctx, "handler panicked", telemetry.KeyMessage, stretch[0].MessageID,
				telemetry.KeyError, fmt.Sprint(p), telemetry.KeyStack, string(debug.Stack()))
			outcomes = []retry.Outcome{{Class: retry.ClassRetryable, Reason: reasonPanic, Err: fmt.Errorf("handler panicked: %v", p)}}
		}
	}()
	run := make([]message.Delivery, len(stretch))
	for i, one := range stretch {
		run[i] = one.Delivery
	}
	outcomes = b.options.Runs.Handle(ctx, run)
	if len(outcomes) > len(run) {
		// Nobody can tell which of them belong to which message.
		return []retry.Outcome{retry.Retry(fmt.Errorf("run of %d messages got %d outcomes", len(run), len(outcomes)))}
	}
	return outcomes
}
