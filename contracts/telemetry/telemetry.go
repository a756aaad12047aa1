// Package telemetry fixes the words of logs and metrics: log keys, metric names, and the two encoders (slog JSON and
// CloudWatch embedded metric format) that both sides write them with. What is not a key here is not logged, so no
// secret, token, mail address or name can slip in under a new one.
package telemetry

import (
	"context"
	"io"
	"log/slog"
	"time"
)

// Log keys. Values are ids, numbers, codes and causes of errors.
const (
	KeyFunction       = "function"
	KeyTrace          = "trace"
	KeyRequest        = "requestId"
	KeyOrder          = "orderId"
	KeySeatGroup      = "seatGroup"
	KeyKind           = "kind"
	KeyMessage        = "messageId"
	KeySequence       = "sequenceNumber"
	KeyLastSequence   = "lastSequenceNumber"
	KeyShard          = "shardId"
	KeyFunctionARN    = "functionArn"
	KeyReceives       = "receiveCount"
	KeyOutcome        = "outcome"
	KeyReason         = "reason"
	KeyStatus         = "status"
	KeyVersion        = "version"
	KeyCode           = "code"
	KeyHTTPStatus     = "httpStatus"
	KeyRoute          = "route"
	KeyError          = "error"
	KeyStack          = "stack"
	KeyDuration       = "durationMs"
	KeyLag            = "lagMs"
	KeyDependency     = "dependency"
	KeyResult         = "result"
	KeyBreakerFrom    = "breakerFrom"
	KeyBreakerTo      = "breakerTo"
	KeyRetryIn        = "retryInMs"
	KeyEvent          = "eventId"
	KeyMode           = "mode"
	KeyPaymentIntent  = "paymentIntentId"
	KeyCount          = "count"
	KeyAmount         = "amount"
	KeyDifferences    = "differences"
	KeyPart           = "part"
	KeyLeft           = "left"
	KeyLibraryMessage = "libraryMessage"
)

// NewLogger writes slog JSON of one function, one object a line, level info and above.
func NewLogger(w io.Writer, function string) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, nil)).With(KeyFunction, function)
}

type traceKey struct{}

// WithTrace puts a trace id into the context; it goes along every message that is sent under it.
func WithTrace(ctx context.Context, trace string) context.Context {
	return context.WithValue(ctx, traceKey{}, trace)
}

// Trace is the trace id of the context, or "".
func Trace(ctx context.Context) string {
	trace, _ := ctx.Value(traceKey{}).(string)
	return trace
}

// Milliseconds is how durations are logged.
func Milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
