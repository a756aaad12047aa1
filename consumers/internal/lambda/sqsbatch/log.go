package sqsbatch

import (
	"context"
	"log/slog"
	"time"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/telemetry"
)

// Words of the log's outcome and reason beside those of retry.
const (
	outcomeUnstarted = "unstarted"
	reasonFollower   = "behind_a_returned_message"
	reasonNoTime     = "no_time_left"
	reasonPanic      = "panic"
	reasonBuryFailed = "bury_failed"
	reasonNotInRun   = "not_reached_in_run"
	reasonNotNoted   = "attempt_not_noted"
)

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

// logRepeated is of a message of a run that was handled and comes back all the same.
func (b *Batches) logRepeated(ctx context.Context, one item, outcome retry.Outcome) {
	b.options.Logger.LogAttrs(ctx, slog.LevelInfo, "message comes back after its run", append(b.attrs(one),
		slog.String(telemetry.KeyOutcome, outcome.Class.String()), slog.String(telemetry.KeyReason, reasonFollower))...)
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
