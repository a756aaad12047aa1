package sqsbatch

import (
	"context"
	"time"
)

// The end of an invocation. E is the end of its context, which boot puts 300 ms before Lambda's deadline so that the answer is in
// time. This is the one place that divides what comes before E among the steps of a group:
//
//	until E - 300 ms   the handler works (the budget)
//	until E - 200 ms   what it found to be poison is buried
//	until E - 100 ms   the note of the attempt is deleted
//	until E            what is left of the group is returned
//	until E + 100 ms   notes that wait for the end of the whole batch are deleted
//
// So however long the dependency of one step hangs, the next one has its step. Returning comes last, since whoever takes the
// messages next must not find the note; it must have time, since a message whose note could not be deleted shows only by
// coming again soon that its attempt came back.
const (
	step = 100 * time.Millisecond
	// defaultMargin has a step each for burying, for the note, and for returning.
	defaultMargin = 3 * step
	// endWithin bounds the delete of notes where there is more time.
	endWithin = 250 * time.Millisecond
)

// PastEnd is how long after the end of its context Handle deletes notes at most, if its handler and its ports end with their
// contexts: a handler that overran its time came back all the same. It must be over well before Lambda's deadline.
const PastEnd = 2 * step

// deadline is the end of the budget: the context's time less the margin. Without a deadline in the context, as in
// a simulation, there is none.
func (b *Batches) deadline(ctx context.Context) (time.Time, bool) {
	end, ok := ctx.Deadline()
	return end.Add(-b.options.Margin), ok
}

func (b *Batches) canStart(ctx context.Context) bool {
	if ctx.Err() != nil {
		return false
	}
	end, limited := b.deadline(ctx)
	return !limited || end.Sub(b.options.Now()) >= b.options.MinPerMessage
}

// withinBudget is the context that ends with the budget.
func (b *Batches) withinBudget(ctx context.Context) (context.Context, context.CancelFunc) {
	end, limited := b.deadline(ctx)
	if !limited {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, end)
}

// leaving is the time that a step has which must leave some to the steps after it. Where a handler has overrun its budget it
// is still a step. It goes by the clock of contexts, since it ends one, and not by Options.Now, which may be what has panicked.
func leaving(ctx context.Context, rest time.Duration) (within time.Duration, limited bool) {
	end, limited := ctx.Deadline()
	return max(time.Until(end)-rest, step), limited
}

// toBury is the context of a bury. It goes on after the budget, which the handler may have used up before it found the poison,
// and leaves a step each for the note and for returning.
func toBury(ctx context.Context) (context.Context, context.CancelFunc) {
	within, limited := leaving(ctx, 2*step)
	if !limited {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, within)
}

// toEnd is the context of deletes of notes, which leaves rest for what comes after them. It goes on after the end of ctx: a
// handler that overran it came back all the same.
func toEnd(ctx context.Context, rest time.Duration) (context.Context, context.CancelFunc) {
	within, limited := leaving(ctx, rest)
	if !limited {
		within = endWithin
	}
	return context.WithTimeout(context.WithoutCancel(ctx), min(within, endWithin))
}
