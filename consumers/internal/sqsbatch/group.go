package sqsbatch

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/telemetry"
)

// Words of the log's outcome beside those of retry.Class.
const (
	outcomeUnstarted = "unstarted"
	reasonFollower   = "behind_a_returned_message"
	reasonNoTime     = "no_time_left"
	reasonPanic      = "panic"
	reasonBuryFailed = "bury_failed"
)

// runGroup handles a group's messages in order, up to the first that must come back. Whatever panics here beside the
// handler leaves the group unfinished, which returns the whole batch.
func (b *Batches) runGroup(ctx context.Context, g *group) {
	defer func() {
		if p := recover(); p != nil {
			b.options.Logger.ErrorContext(ctx, "message group panicked",
				telemetry.KeyError, fmt.Sprint(p), telemetry.KeyStack, string(debug.Stack()))
		}
	}()
	for ; g.next < len(g.items); g.next++ {
		one := g.items[g.next]
		if !b.canStart(ctx) {
			// Nothing is wrong with it, so it may be taken again at once.
			b.logUnstarted(ctx, one, reasonNoTime)
			b.returnRest(ctx, g, 0)
			break
		}
		started := b.options.Now()
		outcome := b.handle(ctx, one)
		acknowledged, outcome := b.apply(ctx, one, outcome)
		b.log(ctx, one, outcome, b.options.Now().Sub(started))
		if !acknowledged {
			b.returnRest(ctx, g, b.delayOf(one, outcome))
			break
		}
	}
	g.finished = true
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
			failed := retry.RetryAfter(retry.Classify(err).After, fmt.Errorf("%s: %w", outcome.Reason, err))
			failed.Reason = reasonBuryFailed
			return false, failed
		}
		b.options.Meter.Put(telemetry.MessagesPoisoned, 1)
		return true, outcome

	default:
		return false, outcome
	}
}

// deadline is the end of the budget: the invocation's time less the margin. Without a deadline in the context, as in
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

// handle runs the handler on one message. A panic is retryable: what it left undone is not known, and one panic does
// not tell a bad message from a bad moment.
func (b *Batches) handle(ctx context.Context, one item) (outcome retry.Outcome) {
	ctx = telemetry.WithTrace(ctx, one.Attributes.Trace)
	if end, limited := b.deadline(ctx); limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end)
		defer cancel()
	}
	defer func() {
		if p := recover(); p != nil {
			b.options.Logger.ErrorContext(ctx, "handler panicked", telemetry.KeyMessage, one.MessageID,
				telemetry.KeyError, fmt.Sprint(p), telemetry.KeyStack, string(debug.Stack()))
			outcome = retry.Outcome{Class: retry.ClassRetryable, Reason: reasonPanic, Err: fmt.Errorf("handler panicked: %v", p)}
		}
	}()
	return b.handler(ctx, one.Delivery)
}

// safeBury runs in the margin, not in the budget: the handler may have used that up before it found the poison.
func (b *Batches) safeBury(ctx context.Context, one item, reason string) (err error) {
	ctx = telemetry.WithTrace(ctx, one.Attributes.Trace)
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

// delayOf is how long the rest of a group waits: what its head asked for, or a backoff that grows with the head's
// receives, in whole seconds as SQS counts them. The receives decide nothing but this pace.
func (b *Batches) delayOf(head item, outcome retry.Outcome) time.Duration {
	if outcome.After > 0 {
		return outcome.After
	}
	return b.options.Backoff.Delay(head.ReceiveCount).Round(time.Second)
}

// returnRest gives back a group's head and every later message of it with one visibility timeout. With different ones
// the group would stay locked until the last of them, or another reader would get a later message first.
func (b *Batches) returnRest(ctx context.Context, g *group, after time.Duration) {
	rest := g.items[g.next:]
	receipts := make([]Receipt, len(rest))
	for i, one := range rest {
		receipts[i] = one.receipt
		if i > 0 {
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

func (b *Batches) log(ctx context.Context, one item, outcome retry.Outcome, took time.Duration) {
	level := slog.LevelInfo
	switch outcome.Class {
	case retry.ClassRetryable:
		level = slog.LevelWarn
	case retry.ClassPoison:
		level = slog.LevelError
	case retry.ClassDone, retry.ClassRefused:
	}
	attrs := append(b.attrs(one), slog.String(telemetry.KeyOutcome, outcome.Class.String()),
		slog.Float64(telemetry.KeyDuration, telemetry.Milliseconds(took)))
	if outcome.Reason != "" {
		attrs = append(attrs, slog.String(telemetry.KeyReason, outcome.Reason))
	}
	if outcome.Err != nil {
		attrs = append(attrs, slog.String(telemetry.KeyError, outcome.Err.Error()))
	}
	b.options.Logger.LogAttrs(ctx, level, "message handled", attrs...)
}

func (b *Batches) logUnstarted(ctx context.Context, one item, reason string) {
	b.options.Logger.LogAttrs(ctx, slog.LevelInfo, "message not started", append(b.attrs(one),
		slog.String(telemetry.KeyOutcome, outcomeUnstarted), slog.String(telemetry.KeyReason, reason))...)
}

// attrs are what every line about a message says: ids and numbers, never its body.
func (b *Batches) attrs(one item) []slog.Attr {
	attrs := make([]slog.Attr, 0, 12)
	attrs = append(attrs,
		slog.String(telemetry.KeyKind, string(one.Attributes.Kind)), slog.String(telemetry.KeyOrder, string(one.Attributes.OrderID)),
		slog.String(telemetry.KeySeatGroup, one.Group), slog.String(telemetry.KeyMessage, one.MessageID),
		slog.String(telemetry.KeySequence, one.SequenceNumber), slog.Int(telemetry.KeyReceives, one.ReceiveCount),
		slog.String(telemetry.KeyTrace, one.Attributes.Trace))
	if one.SentAt > 0 {
		lag := b.options.Now().Sub(one.SentAt.Time())
		attrs = append(attrs, slog.Float64(telemetry.KeyLag, telemetry.Milliseconds(lag)))
	}
	return attrs
}
