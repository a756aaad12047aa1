// Package boot starts a consumer: it parses the config struct of the binary, builds the clients once, and passes the handler
// to the Lambda runtime. Only this package reads the environment, the clock or the random source of the process; the packages
// that it wires take them as parameters.
package boot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/caarlos0/env/v11"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/contracts/invocation"
	"boxoffice/contracts/telemetry"
	"boxoffice/contracts/warm"
)

// Process has what every consumer is built from.
type Process struct {
	Function string
	Log      *slog.Logger
	Meter    *telemetry.Meter
	// Calls collects the calls of an invocation to its dependencies and writes them at its end.
	Calls *telemetry.Calls
	// Breakers are the open breakers of the process.
	Breakers *Breakers
	Now      func() time.Time
	AWS      aws.Config
	// Warm has the tasks to run before the first invocation.
	Warm *warm.Tasks
}

// Main runs a function's binary: wire builds its handler from the config. It does not return. If the config or a client is
// not usable, Main logs all problems together and ends the process, so that the deployment fails instead of a message. The
// only exception is a secrets extension that is not ready yet: if nothing else is wrong, the first invocation starts the
// function.
func Main[C any](function string, wire func(context.Context, Process, C) (any, error)) {
	logLibraries(telemetry.NewLogger(os.Stdout, function))
	handler, err := invocation.StartOrLater(context.Background(), func(ctx context.Context) (invocation.Handler, error) {
		return start(ctx, function, environment(), os.Stdout, wire)
	})
	if err != nil {
		telemetry.NewLogger(os.Stderr, function).Error("start failed", telemetry.KeyError, err.Error())
		os.Exit(1)
	}
	lambda.Start(handler)
}

// start builds the handler. invocation.StartOrLater limits the time of its invocations.
func start[C any](ctx context.Context, function string, vars map[string]string, out io.Writer, wire func(context.Context, Process, C) (any, error)) (lambda.Handler, error) {
	config, environment, err := readConfig[C](ctx, vars, getOverHTTP)
	if err != nil {
		return nil, err
	}
	log := telemetry.NewLogger(out, function)
	awsConfig, err := awsclient.Load(ctx, awsclient.LogTo(log))
	if err != nil {
		return nil, fmt.Errorf("AWS config: %w", err)
	}
	meter := telemetry.NewMeter(out, function, time.Now)
	calls := telemetry.NewCalls(meter)
	p := Process{
		Function: function,
		Log:      log,
		Meter:    meter,
		Calls:    calls,
		Breakers: &Breakers{},
		Now:      time.Now,
		AWS:      awsConfig,
		Warm:     &warm.Tasks{},
	}
	handler, err := wire(ctx, p, config)
	if err != nil {
		return nil, errors.New(environment.Hide(err.Error()))
	}
	p.Warm.Run(ctx, warm.Within, p.Log)
	return flushing{next: lambda.NewHandler(handler), calls: calls}, nil
}

// logLibraries makes log the default logger of the process, so that net/http and aws-lambda-go log through it instead of writing
// plain text to standard error.
func logLibraries(log *slog.Logger) { slog.SetDefault(log) }

// flushing writes the collected calls at the end of each invocation, also after a panic.
type flushing struct {
	next  lambda.Handler
	calls *telemetry.Calls
}

// Invoke implements lambda.Handler.
func (f flushing) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	defer f.calls.Flush()
	return f.next.Invoke(ctx, payload)
}

func environment() map[string]string { return env.ToMap(os.Environ()) }
