package sqsbatch

import (
	"context"
	"time"
)

// The end of an invocation. E is the end of its context, which boot sets to 300 ms before Lambda's deadline, so that the response
// is in time. Only this file divides the time before E among the steps of a group:
//
//	until E - 300 ms   the handler works (the budget)
//	until E - 200 ms   a message that turned out to be poison is buried
//	until E - 100 ms   the note of the attempt is deleted
//	until E            the rest of the group is returned
//	until E + 100 ms   notes that stay until the end of the batch are deleted
//
// However long the dependency of one step hangs, the next step has its own time. Returning comes after the deletes, because the
// next receiver of the messages must not find the note. Returning must have time, because a message whose note could not be
// deleted shows only by an early redelivery that its attempt has ended.
const (
	step = 100 * time.Millisecond
	// defaultMargin is one step each for burying, for deleting the note, and for returning.
	defaultMargin = 3 * step
	// maxDeleteTime bounds the deletes of notes when more time is left.
	maxDeleteTime = 250 * time.Millisecond
)

// PastEnd bounds how long Handle deletes notes after the end of its context, provided that the handler and the ports end with
// their contexts: the attempt of a handler that overran its time has ended too, so its note is deleted. This time must end well
// before Lambda's deadline.
const PastEnd = 2 * step

// deadline returns the end of the budget: the end of the context minus the margin. If the context has no deadline, as in a
// simulation, neither has the budget.
func (b *Batches) deadline(ctx context.Context) (time.Time, bool) {
	end, ok := ctx.Deadline()
	return end.Add(-b.options.Margin), ok
}

// canStart reports whether enough of the budget is left to start a message.
func (b *Batches) canStart(ctx context.Context) bool {
	if ctx.Err() != nil {
		return false
	}
	end, limited := b.deadline(ctx)
	return !limited || end.Sub(b.options.Now()) >= b.options.MinPerMessage
}

// withinBudget returns a context that ends with the budget.
func (b *Batches) withinBudget(ctx context.Context) (context.Context, context.CancelFunc) {
	end, limited := b.deadline(ctx)
	if !limited {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, end)
}

// timeUntil returns the time that a step has if it must leave reserved to the steps after it. After a handler that overran its
// budget it is at least one step. It uses the clock of contexts, because it bounds a context, and not Options.Now, which may
// be what has panicked.
func timeUntil(ctx context.Context, reserved time.Duration) (within time.Duration, limited bool) {
	end, limited := ctx.Deadline()
	return max(time.Until(end)-reserved, step), limited
}

// buryContext returns the context for burying a message. It lasts longer than the budget, which the handler may have used up
// before it found the poison, and leaves one step each for deleting the note and for returning.
func buryContext(ctx context.Context) (context.Context, context.CancelFunc) {
	within, limited := timeUntil(ctx, 2*step)
	if !limited {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, within)
}

// deleteContext returns the context for deleting notes, which leaves reserved to the steps after them. It lasts past the end of
// ctx if a handler overran it, because that attempt has ended too.
func deleteContext(ctx context.Context, reserved time.Duration) (context.Context, context.CancelFunc) {
	within, limited := timeUntil(ctx, reserved)
	if !limited {
		within = maxDeleteTime
	}
	return context.WithTimeout(context.WithoutCancel(ctx), min(within, maxDeleteTime))
}
