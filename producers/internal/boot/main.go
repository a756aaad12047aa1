// Package boot starts a producer: it parses the one config struct of the binary, builds the clients once, and hands
// the handler to the Lambda runtime. Everything that reads the environment, the clock or the random source of the
// process is here; the packages it wires take them as parameters.
package boot

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/caarlos0/env/v11"

	"boxoffice/contracts/telemetry"
	"boxoffice/producers/internal/httpapi"
)

// Process is what every producer is built from.
type Process struct {
	Log   *slog.Logger
	Meter *telemetry.Meter
	Now   func() time.Time
	AWS   aws.Config
}

// Main runs a function's binary: wire builds its routes from the config. It does not return. A config or client that
// is not usable is logged, with all problems together, and ends the process, so that the deployment fails and not a
// buyer's request.
func Main[C any](function string, wire func(Process, C) (map[string]httpapi.Handler, error)) {
	router, err := start(context.Background(), function, env.ToMap(os.Environ()), os.Stdout, wire)
	if err != nil {
		telemetry.NewLogger(os.Stderr, function).Error("start failed", telemetry.KeyError, err.Error())
		os.Exit(1)
	}
	lambda.Start(router.Handle)
}

// start is Main without the process around it.
func start[C any](ctx context.Context, function string, vars map[string]string, out io.Writer, wire func(Process, C) (map[string]httpapi.Handler, error)) (*httpapi.Router, error) {
	config, err := env.ParseAsWithOptions[C](env.Options{Environment: vars})
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	awsConfig, err := LoadAWS(ctx)
	if err != nil {
		return nil, fmt.Errorf("AWS config: %w", err)
	}
	p := Process{
		Log:   telemetry.NewLogger(out, function),
		Meter: telemetry.NewMeter(out, function, time.Now),
		Now:   time.Now,
		AWS:   awsConfig,
	}
	routes, err := wire(p, config)
	if err != nil {
		return nil, err
	}
	return httpapi.NewRouter(routes, p.Log, p.Now), nil
}
