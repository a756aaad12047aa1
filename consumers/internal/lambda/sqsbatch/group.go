package sqsbatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/telemetry"
)

// runGroup handles a group's messages in order, up to the first that must come back. Whatever panics here beside the
// handler leaves the group unfinished, which returns the whole batch.
func (b *Batches) runGroup(ctx context.Context, g *group, join joinFunc) {
	err := b.safely(ctx, "message group", "", func() error {
		ctx, leave := join(ctx)
		g.leave = leave
		defer g.leave()
		for going := true; going && g.next < len(g.items); {
			going = b.advance(ctx, g)
		}
		g.leave()
		b.endOpen(ctx, g)
		g.finished = true
		return nil
	})
	if err != nil {
		// The process lives, so every attempt that it began has come back.
		b.endOpen(ctx, g)
	}
}

// safely calls f and logs its panic with the stack. messageID is the message that f works on, "" for more than one.
func (b *Batches) safely(ctx context.Context, name, messageID string, f func() error) error {
	err := retry.Safely(name, f)
	var panicked *retry.PanicError
	if errors.As(err, &panicked) {
		attrs := []any{telemetry.KeyError, fmt.Sprint(panicked.Value), telemetry.KeyStack, panicked.Stack}
		if messageID != "" {
			attrs = append(attrs, telemetry.KeyMessage, messageID)
		}
		b.options.Logger.ErrorContext(ctx, name+" panicked", attrs...)
	}
	return err
}

// classify is retry.Classify with the reason of a panic.
func classify(err error) retry.Outcome {
	outcome := retry.Classify(err)
	var panicked *retry.PanicError
	if outcome.Class == retry.ClassRetryable && errors.As(err, &panicked) {
		outcome.Reason = reasonPanic
	}
	return outcome
}

// advance handles what comes next in a group and says whether the group may go on behind it.
func (b *Batches) advance(ctx context.Context, g *group) bool {
	head := g.items[g.next]
	if !b.canStart(ctx) {
		return b.unstarted(ctx, g, reasonNoTime, atOnce)
	}
	started := b.options.Now()
	noted, earlier, err := b.note(ctx, g)
	if err != nil {
		// Handled without a note it could kill its function for ever. What cannot write a note could write no row either.
		outcome := retry.Classify(retry.Retryable(fmt.Errorf("note the attempt: %w", err)))
		outcome.Reason = reasonNotNoted
		return b.settle(ctx, g, g.items[g.next:g.next+1], []retry.Outcome{outcome}, b.options.Now().Sub(started))
	}
	if noted && !b.canStart(ctx) {
		return b.unstarted(ctx, g, reasonNoTime, atOnce)
	}
	stretch, run := b.stretchOf(g, noted)
	var outcomes []retry.Outcome
	switch {
	case g.notes.lost:
		stretch, outcomes = stretch[:1], []retry.Outcome{lostAttempts(earlier)}
	case run:
		outcomes = b.handleRun(ctx, stretch)
	default:
		outcomes = []retry.Outcome{b.handle(ctx, head)}
	}
	if !b.settle(ctx, g, stretch, outcomes, b.options.Now().Sub(started)) {
		return false
	}
	if noted && !g.notes.lost {
		b.cleared(ctx, g, head)
	}
	return true
}

// settle carries out the outcomes of a stretch, up to the first that does not acknowledge.
func (b *Batches) settle(ctx context.Context, g *group, stretch []item, outcomes []retry.Outcome, took time.Duration) bool {
	rest := outcomes
	for i, one := range stretch {
		if len(rest) == 0 {
			// A run that ends early has run out of time. One that did nothing at all must not come back at once for ever.
			after := atOnce
			if i == 0 {
				after = func() time.Duration { return b.delayOf(g, one, retry.Outcome{}) }
			}
			return b.unstarted(ctx, g, reasonNotInRun, after)
		}
		acknowledged, outcome := b.apply(ctx, one, rest[0])
		rest = rest[1:]
		b.log(ctx, one, outcome, took)
		if g.notes.lost {
			g.keepLost(acknowledged)
		}
		if !acknowledged {
			b.returnRest(ctx, g, func() time.Duration { return b.delayOf(g, one, outcome) }, rest)
			return false
		}
		g.next++
	}
	return true
}

func atOnce() time.Duration { return 0 }

// unstarted returns the rest of a group, whose head was not started. Nothing is wrong with it.
func (b *Batches) unstarted(ctx context.Context, g *group, reason string, after func() time.Duration) bool {
	b.logUnstarted(ctx, g.items[g.next], reason)
	b.returnRest(ctx, g, after, nil)
	return false
}

// apply is the one place that turns an outcome into what happens to its message. It answers whether the message is
// acknowledged, and the outcome as it is to be logged.
func (b *Batches) apply(ctx context.Context, one item, outcome retry.Outcome) (acknowledged bool, logged retry.Outcome) {
	switch outcome.Class {
	case retry.ClassDone, retry.ClassRefused:
		// The row says what became of the order.
		return true, outcome

	case retry.ClassPoison:
		// Left to maxReceiveCount it would hold up its group for hours. Its group goes on only once it is kept elsewhere.
		if err := b.safeBury(ctx, one, outcome.Reason); err != nil {
			failed := retry.Classify(retry.Retryable(fmt.Errorf("%s: %w", outcome.Reason, err)))
			failed.Reason = reasonBuryFailed
			return false, failed
		}
		b.options.Meter.Put(telemetry.MessagesPoisoned, 1)
		return true, outcome

	default:
		return false, outcome
	}
}

// handle runs the handler on one message.
func (b *Batches) handle(ctx context.Context, one item) retry.Outcome {
	ctx, cancel := b.withinBudget(telemetry.WithTrace(ctx, one.Attributes.Trace))
	defer cancel()
	return classify(b.safely(ctx, "handler", one.MessageID, func() error { return b.handler(ctx, one.Delivery) }))
}

// safeBury buries in its own time, not in the budget.
func (b *Batches) safeBury(ctx context.Context, one item, reason string) error {
	ctx, cancel := toBury(telemetry.WithTrace(ctx, one.Attributes.Trace))
	defer cancel()
	err := b.safely(ctx, "bury", one.MessageID, func() error { return b.bury(ctx, one.Delivery, reason) })
	if err != nil {
		return fmt.Errorf("bury: %w", err)
	}
	return nil
}

// delayOf is how long the rest of a group waits: what was chosen for its head, or a backoff that grows with the head's
// receives, in whole seconds as SQS counts them; and in any case as long as another attempt is known to fail. The receives
// decide nothing but this pace.
func (b *Batches) delayOf(g *group, head item, outcome retry.Outcome) time.Duration {
	after := outcome.After
	if after <= 0 {
		after = g.notes.soon(b.options.Backoff.Delay(head.ReceiveCount).Round(time.Second))
	}
	return max(after, outcome.NotBefore)
}

// returnRest gives back a group's head and every later message of it with one visibility timeout, which is asked for once the
// group's notes have ended. With different ones the group would stay locked until the last of them, or another reader would
// get a later message first. handled are the outcomes of the messages right behind the head that were handled in its run.
func (b *Batches) returnRest(ctx context.Context, g *group, delay func() time.Duration, handled []retry.Outcome) {
	g.leave()
	// Before the messages can be seen: whoever takes them next must not find notes of an attempt that came back, nor
	// have its own deleted.
	b.endOpen(ctx, g)
	after := delay()
	rest := g.items[g.next:]
	receipts := make([]Receipt, len(rest))
	for i, one := range rest {
		receipts[i] = one.receipt
		switch {
		case i == 0:
		case len(handled) > 0:
			b.logRepeated(ctx, one, handled[0])
			handled = handled[1:]
		default:
			b.logUnstarted(ctx, one, reasonFollower)
		}
	}
	b.options.Meter.Put(telemetry.MessagesReturned, float64(len(rest)))
	if err := retry.Safely("return", func() error { return b.queue.ReturnAfter(ctx, receipts, after) }); err != nil {
		// The response returns them all the same; they only become visible later, by the queue's own timeout.
		b.options.Logger.WarnContext(ctx, "visibility not changed", telemetry.KeySeatGroup, rest[0].Group,
			telemetry.KeyRetryIn, telemetry.Milliseconds(after), telemetry.KeyError, err.Error())
	}
}
