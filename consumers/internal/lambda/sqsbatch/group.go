package sqsbatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/telemetry"
)

// runGroup handles a group's messages in order, up to the first that must be returned. A panic outside of the handler leaves the
// group unfinished, so the whole batch is redelivered.
func (b *Batches) runGroup(ctx context.Context, g *group, join joinFunc) {
	err := b.safely(ctx, "message group", "", func() error {
		ctx, leave := join(ctx)
		g.leaveShare = leave
		defer g.leaveShare()
		for goOn := true; goOn && g.next < len(g.items); {
			goOn = b.advance(ctx, g)
		}
		g.leaveShare()
		b.deletePartNotes(ctx, g)
		g.finished = true
		return nil
	})
	if err != nil {
		// The process is alive, so every attempt that it began has ended.
		b.deletePartNotes(ctx, g)
	}
}

// safely calls f and logs a panic of it with the stack. messageID is the message that f handles, "" for more than one.
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

// classify is retry.Classify; the outcome of a panic gets its own reason.
func classify(err error) retry.Outcome {
	outcome := retry.Classify(err)
	var panicked *retry.PanicError
	if outcome.Class == retry.ClassRetryable && errors.As(err, &panicked) {
		outcome.Reason = reasonPanic
	}
	return outcome
}

// advance handles the next message or run of a group, and reports whether the group may go on after it.
func (b *Batches) advance(ctx context.Context, g *group) bool {
	head := g.items[g.next]
	if !b.canStart(ctx) {
		return b.returnUnstarted(ctx, g, reasonNoTime, noDelay)
	}
	started := b.options.Now()
	noted, lost, err := b.note(ctx, g)
	if err != nil {
		// Without a note, a message could kill its function for ever. If no note can be written, no row can be written either.
		outcome := retry.Classify(retry.Retryable(fmt.Errorf("note the attempt: %w", err)))
		outcome.Reason = reasonNotNoted
		return b.applyAll(ctx, g, g.items[g.next:g.next+1], []retry.Outcome{outcome}, b.options.Now().Sub(started))
	}
	if noted && !b.canStart(ctx) {
		return b.returnUnstarted(ctx, g, reasonNoTime, noDelay)
	}
	items, inRun := b.nextItems(g, noted)
	var outcomes []retry.Outcome
	switch {
	case g.notes.poisoned:
		items, outcomes = items[:1], []retry.Outcome{poisonByNotes(lost)}
	case inRun:
		outcomes = b.handleRun(ctx, items)
	default:
		outcomes = []retry.Outcome{b.handle(ctx, head)}
	}
	if !b.applyAll(ctx, g, items, outcomes, b.options.Now().Sub(started)) {
		return false
	}
	if noted && !g.notes.poisoned {
		b.endAttempt(ctx, g, head)
	}
	return true
}

// applyAll applies the outcomes of the items that were handled together, up to the first that does not acknowledge its message:
// from that message on the group is returned. It reports whether all were acknowledged. outcomes may be shorter than items.
func (b *Batches) applyAll(ctx context.Context, g *group, items []item, outcomes []retry.Outcome, took time.Duration) bool {
	rest := outcomes
	for i, m := range items {
		if len(rest) == 0 {
			// A run whose slice is short has run out of time. If it did nothing at all, returning it without a delay could repeat
			// for ever.
			delay := noDelay
			if i == 0 {
				delay = func() time.Duration { return b.delayOf(g, m, retry.Outcome{}) }
			}
			return b.returnUnstarted(ctx, g, reasonNotInRun, delay)
		}
		acknowledged, outcome := b.apply(ctx, m, rest[0])
		rest = rest[1:]
		b.log(ctx, m, outcome, took)
		if g.notes.poisoned {
			g.endPoisoned(acknowledged)
		}
		if !acknowledged {
			b.returnRest(ctx, g, func() time.Duration { return b.delayOf(g, m, outcome) }, rest)
			return false
		}
		g.next++
	}
	return true
}

func noDelay() time.Duration { return 0 }

// returnUnstarted returns the rest of a group whose head was not started.
func (b *Batches) returnUnstarted(ctx context.Context, g *group, reason string, delay func() time.Duration) bool {
	b.logUnstarted(ctx, g.items[g.next], reason)
	b.returnRest(ctx, g, delay, nil)
	return false
}

// apply is the only function that carries out the outcome of a message. It reports whether the message is acknowledged, and
// returns the outcome for the log.
func (b *Batches) apply(ctx context.Context, m item, outcome retry.Outcome) (acknowledged bool, logged retry.Outcome) {
	switch outcome.Class {
	case retry.ClassDone, retry.ClassRefused:
		// The row records the result of the order.
		return true, outcome

	case retry.ClassPoison:
		// With maxReceiveCount it would hold up its group for hours. The group goes on only after the message is stored elsewhere.
		if err := b.safeBury(ctx, m, outcome.Reason); err != nil {
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

// handle calls the handler with one message.
func (b *Batches) handle(ctx context.Context, m item) retry.Outcome {
	ctx, cancel := b.withinBudget(telemetry.WithTrace(ctx, m.Attributes.Trace))
	defer cancel()
	return classify(b.safely(ctx, "handler", m.MessageID, func() error { return b.handler(ctx, m.Delivery) }))
}

// safeBury buries a message, in a time of its own after the budget.
func (b *Batches) safeBury(ctx context.Context, m item, reason string) error {
	ctx, cancel := buryContext(telemetry.WithTrace(ctx, m.Attributes.Trace))
	defer cancel()
	err := b.safely(ctx, "bury", m.MessageID, func() error { return b.bury(ctx, m.Delivery, reason) })
	if err != nil {
		return fmt.Errorf("bury: %w", err)
	}
	return nil
}

// delayOf returns how long the rest of a group waits: the delay that the head's outcome asks for, or else a backoff that grows
// with the head's receive count, in whole seconds as SQS counts them; but at least the time for which another attempt is known
// to fail. The receive count decides nothing else.
func (b *Batches) delayOf(g *group, head item, outcome retry.Outcome) time.Duration {
	delay := outcome.After
	if delay <= 0 {
		delay = g.notes.limitDelay(b.options.Backoff.Delay(head.ReceiveCount).Round(time.Second))
	}
	return max(delay, outcome.NotBefore)
}

// returnRest returns a group's next message and every later one with a single visibility timeout. With different timeouts the
// group would stay locked until the last one ends, or another receiver would get a later message first. delay is called after
// the group's notes are deleted. handled are the outcomes of the messages right after the first returned one that were handled
// in its run.
func (b *Batches) returnRest(ctx context.Context, g *group, delay func() time.Duration, handled []retry.Outcome) {
	g.leaveShare()
	// Notes are deleted before the messages become visible: the next receiver must not find notes of attempts that have ended,
	// and its own notes must not be deleted.
	b.deletePartNotes(ctx, g)
	after := delay()
	rest := g.items[g.next:]
	receipts := make([]Receipt, len(rest))
	for i, m := range rest {
		receipts[i] = m.receipt
		switch {
		case i == 0:
		case len(handled) > 0:
			b.logRepeated(ctx, m, handled[0])
			handled = handled[1:]
		default:
			b.logUnstarted(ctx, m, reasonFollower)
		}
	}
	b.options.Meter.Put(telemetry.MessagesReturned, float64(len(rest)))
	if err := retry.Safely("return", func() error { return b.queue.ReturnAfter(ctx, receipts, after) }); err != nil {
		// The response returns them all the same. They only become visible later, when the queue's own timeout ends.
		b.options.Logger.WarnContext(ctx, "visibility not changed", telemetry.KeySeatGroup, rest[0].Group,
			telemetry.KeyRetryIn, telemetry.Milliseconds(after), telemetry.KeyError, err.Error())
	}
}
