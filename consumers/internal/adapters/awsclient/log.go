package awsclient

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"boxoffice/contracts/telemetry"
)

// LogTo sends what the SDK logs to log, as an option of Load. By itself it writes plain text to standard error. Its log of attempts
// stays off: it repeats no call here, and would write a line for each condition that was not met. Each attempt is in the metric
// DependencyCall.
func LogTo(log *slog.Logger) func(*config.LoadOptions) error {
	return config.WithLogger(sdkLog{log: log})
}

// sdkLog writes what the SDK logs as lines of a function's log. What it logs besides warnings is chosen by the client log mode, so
// nothing of it is dropped here.
type sdkLog struct {
	log *slog.Logger
	// ctx is that of one call: the SDK asks for a logger for each.
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
