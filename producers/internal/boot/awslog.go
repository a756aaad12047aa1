package boot

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/aws/smithy-go/logging"

	"boxoffice/contracts/telemetry"
)

// sdkLog writes what the SDK logs to a function's log. The client log mode chooses what the SDK logs besides warnings, so sdkLog
// drops nothing.
type sdkLog struct {
	log *slog.Logger
	// ctx is the context of one call: the SDK asks for a logger for each call.
	ctx context.Context
}

var _ logging.ContextLogger = sdkLog{}

// WithContext implements logging.ContextLogger.
func (l sdkLog) WithContext(ctx context.Context) logging.Logger { return sdkLog{l.log, ctx} }

// Logf implements logging.Logger.
func (l sdkLog) Logf(classification logging.Classification, format string, v ...any) {
	level, ctx := slog.LevelInfo, l.ctx
	if classification == logging.Warn {
		level = slog.LevelWarn
	}
	if ctx == nil {
		ctx = context.Background()
	}
	attributes := []any{telemetry.KeyDependency, "aws", telemetry.KeyLibraryMessage, fmt.Sprintf(format, v...)}
	if trace := telemetry.Trace(ctx); trace != "" {
		attributes = append(attributes, telemetry.KeyTrace, trace)
	}
	l.log.Log(ctx, level, "AWS SDK", attributes...)
}
