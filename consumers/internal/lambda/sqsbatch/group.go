package sqsbatch

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/telemetry"
)

// runGroup handles a group's messages in order, up to the first that must come back. Whatever panics here beside the
// handler leaves the group unfinished, which returns the whole batch.
func (b *Batches) runGroup(ctx context.Context, g *group, join joinFunc) {
	defer func() {
		if p := recover(); p != nil {
			b.options.Logger.ErrorContext(ctx, "message group panicked",
				telemetry.KeyError, fmt.Sprint(p), telemetry.KeyStack, string(debug.Stack()))
			// The process lives, so what it had begun came back.
			b.endOpen(ctx, g)
		}
	}()
	ctx, g.leave = join(ctx)
	defer g.leave()
	for going := true; going && g.next < len(g.items); {
		going = b.advance(ctx, g)
	}
	g.leave()
	b.endOpen(ctx, g)
	g.finished = true
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
		outcome := retry.Retry(fmt.Errorf("note the attempt: %w", err))
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
		stretch, outcomes = stretch[:1], []retry.Outcome{attemptsOutcome(earlier)}
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
			failed := retry.Retry(fmt.Errorf("%s: %w", outcome.Reason, err))
			failed.Reason = reasonBuryFailed
			return false, failed
		}
		b.options.Meter.Put(telemetry.MessagesPoisoned, 1)
		return true, outcome

	default:
		return false, outcome
	}
}

// handle runs the handler on one message. A panic is retryable: what it left undone is not known, and one panic does
// not tell a bad message from a bad moment.
func (b *Batches) handle(ctx context.Context, one item) (outcome retry.Outcome) {
	ctx, cancel := b.withinBudget(telemetry.WithTrace(ctx, one.Attributes.Trace))
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			b.options.Logger.ErrorContext(ctx, "handler panicked", telemetry.KeyMessage, one.MessageID,
				telemetry.KeyError, fmt.Sprint(p), telemetry.KeyStack, string(debug.Stack()))
			outcome = retry.Outcome{Class: retry.ClassRetryable, Reason: reasonPanic, Err: fmt.Errorf("handler panicked: %v", p)}
		}
	}()
	return b.handler(ctx, one.Delivery)
}

// safeBury buries in its own time, not in the budget.
func (b *Batches) safeBury(ctx context.Context, one item, reason string) (err error) {
	ctx, cancel := toBury(telemetry.WithTrace(ctx, one.Attributes.Trace))
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			b.options.Logger.ErrorContext(ctx, "bury panicked", telemetry.KeyMessage, one.MessageID,
				telemetry.KeyError, fmt.Sprint(p), telemetry.KeyStack, string(debug.Stack()))
			err = fmt.Errorf("bury panicked: %v", p)
		}
	}()
	if err := b.bury(ctx, one.Delivery, reason); err != nil {
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
	if err := b.safeReturn(ctx, receipts, after); err != nil {
		// The response returns them all the same; they only become visible later, by the queue's own timeout.
		b.options.Logger.WarnContext(ctx, "visibility not changed", telemetry.KeySeatGroup, rest[0].Group,
			telemetry.KeyRetryIn, telemetry.Milliseconds(after), telemetry.KeyError, err.Error())
	}
}

func (b *Batches) safeReturn(ctx context.Context, receipts []Receipt, after time.Duration) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("return panicked: %v", p)
		}
	}()
	return b.queue.ReturnAfter(ctx, receipts, after)
}
