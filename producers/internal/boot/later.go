package boot

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/aws/aws-lambda-go/lambda"

	"boxoffice/contracts/secrets"
	"boxoffice/contracts/telemetry"
)

// startOrLater builds the handler now, and wraps it in inTime. If the only problem is that the secrets extension is not ready,
// the first invocation builds the handler, within its time: the extension may become ready only then, and a start that waited for
// it would never end. Any other error ends the start.
func startOrLater(ctx context.Context, build func(context.Context) (lambda.Handler, error)) (lambda.Handler, error) {
	handler, err := build(ctx)
	if errors.Is(err, secrets.ErrNotReady) {
		slog.Warn("the first invocation starts the function", telemetry.KeyError, err.Error())
		return inTime{next: &later{build: build}}, nil
	}
	if err != nil {
		return nil, err
	}
	return inTime{next: handler}, nil
}

// later is a handler that its first invocation builds. An invocation that cannot build it fails, and the next one tries again.
// Its context must end early enough before Lambda's deadline for the reason to be logged. It is safe for concurrent use.
type later struct {
	build func(context.Context) (lambda.Handler, error)

	mu    sync.Mutex
	built lambda.Handler
}

// Invoke implements lambda.Handler.
func (l *later) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	handler, err := l.handler(ctx)
	if err != nil {
		slog.Error("start failed", telemetry.KeyError, err.Error())
		return nil, err
	}
	return handler.Invoke(ctx, payload)
}

func (l *later) handler(ctx context.Context) (lambda.Handler, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.built != nil {
		return l.built, nil
	}
	handler, err := l.build(ctx)
	if err == nil {
		l.built = handler
	}
	return handler, err
}
