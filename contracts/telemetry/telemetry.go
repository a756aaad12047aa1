// Package telemetry defines log keys and metrics, and the two encoders for them that both sides use: slog JSON and CloudWatch
// embedded metric format. Log lines have only the keys of this package, so that no secret, token, mail address or name gets
// into a log under a new key.
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
	KeyConnection     = "connectionId"
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

// NewLogger returns a logger that writes slog JSON for a function: one object a line, level info and above.
func NewLogger(w io.Writer, function string) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, nil)).With(KeyFunction, function)
}

type traceKey struct{}

// WithTrace returns a context with a trace id. Every message that is sent under the context carries the id.
func WithTrace(ctx context.Context, trace string) context.Context {
	return context.WithValue(ctx, traceKey{}, trace)
}

// Trace returns the trace id of the context, or "".
func Trace(ctx context.Context) string {
	trace, _ := ctx.Value(traceKey{}).(string)
	return trace
}

// Milliseconds converts a duration to the unit of logs and metrics, with microseconds as decimals.
func Milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
