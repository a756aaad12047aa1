// Package invocation starts the handler of a function and limits the time of its invocations, on both sides.
package invocation

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"boxoffice/contracts/secrets"
	"boxoffice/contracts/telemetry"
)

// Handler handles the invocations of a function. The type lambda.Handler of aws-lambda-go has the same method.
type Handler interface {
	Invoke(ctx context.Context, payload []byte) ([]byte, error)
}

// StartOrLater builds the handler of a function now, or in an invocation. It returns a handler whose context ends AnswerTime before
// the deadline of each invocation.
//
// If build fails with secrets.ErrNotReady, the first invocation builds the handler, within its time: the secrets extension may
// become ready only then, and a start that waited for it would never end. An invocation that cannot build the handler logs why and
// fails, and the next one tries again. Every other error of build is returned.
func StartOrLater(ctx context.Context, build func(context.Context) (Handler, error)) (Handler, error) {
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

// later is a handler that an invocation builds. Its context must end early enough before Lambda's deadline for the reason of a
// failure to be logged. It is safe for concurrent use.
type later struct {
	build func(context.Context) (Handler, error)

	mu    sync.Mutex
	built Handler
}

// Invoke implements Handler.
func (l *later) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	handler, err := l.handler(ctx)
	if err != nil {
		slog.Error("start failed", telemetry.KeyError, err.Error())
		return nil, err
	}
	return handler.Invoke(ctx, payload)
}

func (l *later) handler(ctx context.Context) (Handler, error) {
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
