package sqsbatch

import (
	"context"
	"log/slog"
	"time"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts/telemetry"
)

// Values of the log keys for outcome and reason, in addition to those of retry.
const (
	outcomeUnstarted = "unstarted"
	reasonFollower   = "behind_a_returned_message"
	reasonNoTime     = "no_time_left"
	reasonPanic      = "panic"
	reasonBuryFailed = "bury_failed"
	reasonNotInRun   = "not_reached_in_run"
	reasonNotNoted   = "attempt_not_noted"
)

// log logs a handled message with its outcome.
func (b *Batches) log(ctx context.Context, m item, outcome retry.Outcome, took time.Duration) {
	level := slog.LevelInfo
	switch outcome.Class {
	case retry.ClassRetryable:
		level = slog.LevelWarn
	case retry.ClassPoison:
		level = slog.LevelError
	case retry.ClassDone, retry.ClassRefused:
	}
	attrs := append(b.attrs(m), slog.String(telemetry.KeyOutcome, outcome.Class.String()),
		slog.Float64(telemetry.KeyDuration, telemetry.Milliseconds(took)))
	if outcome.Reason != "" {
		attrs = append(attrs, slog.String(telemetry.KeyReason, outcome.Reason))
	}
	if outcome.Err != nil {
		attrs = append(attrs, slog.String(telemetry.KeyError, outcome.Err.Error()))
	}
	b.options.Logger.LogAttrs(ctx, level, "message handled", attrs...)
}

// logUnstarted logs a message that is returned without being handled.
func (b *Batches) logUnstarted(ctx context.Context, m item, reason string) {
	b.options.Logger.LogAttrs(ctx, slog.LevelInfo, "message not started", append(b.attrs(m),
		slog.String(telemetry.KeyOutcome, outcomeUnstarted), slog.String(telemetry.KeyReason, reason))...)
}

// logRepeated logs a message of a run that was handled and is returned because an earlier one is.
func (b *Batches) logRepeated(ctx context.Context, m item, outcome retry.Outcome) {
	b.options.Logger.LogAttrs(ctx, slog.LevelInfo, "message handled and returned behind another", append(b.attrs(m),
		slog.String(telemetry.KeyOutcome, outcome.Class.String()), slog.String(telemetry.KeyReason, reasonFollower))...)
}

// attrs returns the attributes of every line about a message: ids and numbers, never its body.
func (b *Batches) attrs(m item) []slog.Attr {
	attrs := make([]slog.Attr, 0, 12)
	attrs = append(attrs,
		slog.String(telemetry.KeyKind, string(m.Attributes.Kind)), slog.String(telemetry.KeyOrder, string(m.Attributes.OrderID)),
		slog.String(telemetry.KeySeatGroup, m.Group), slog.String(telemetry.KeyMessage, m.MessageID),
		slog.String(telemetry.KeySequence, m.SequenceNumber), slog.Int(telemetry.KeyReceives, m.ReceiveCount),
		slog.String(telemetry.KeyTrace, m.Attributes.Trace))
	if m.SentAt > 0 {
		lag := b.options.Now().Sub(m.SentAt.Time())
		attrs = append(attrs, slog.Float64(telemetry.KeyLag, telemetry.Milliseconds(lag)))
	}
	return attrs
}
