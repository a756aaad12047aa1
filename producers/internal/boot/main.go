// Package boot starts a producer: it parses the config struct of the binary, builds the clients once, and passes the handler to
// the Lambda runtime. Only this package reads the environment, the clock and the random source of the process; the packages that
// it wires get them as parameters.
package boot

import (
	"context"
	cryptorand "crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/caarlos0/env/v11"

	"boxoffice/contracts/invocation"
	"boxoffice/contracts/origin"
	"boxoffice/contracts/telemetry"
	"boxoffice/contracts/warm"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/pace"
	"boxoffice/producers/internal/socketapi"
)

// Process has what every producer is built from.
type Process struct {
	Log   *slog.Logger
	Meter *telemetry.Meter
	Now   func() time.Time
	// Random is a source that nobody can guess.
	Random io.Reader
	// Jitter is the random source of waits.
	Jitter pace.Source
	AWS    aws.Config
	// Warm runs before the first invocation.
	Warm *warm.Tasks
}

// jitter draws from the process's own generator, which is seeded at random.
type jitter struct{}

// Int64N needs no secrecy: a wait that can be guessed does no harm.
func (jitter) Int64N(n int64) int64 { return rand.Int64N(n) } //nolint:gosec // G404: jitter is no secret

// Routes are the handlers of a function. WebSocket is nil for a function that serves no WebSocket API.
type Routes struct {
	HTTP      map[string]httpapi.Handler
	WebSocket map[string]socketapi.Handler
}

// Main runs a function's binary; wire builds its routes from the config. It does not return. A config or client that cannot be
// used is logged, with all problems together, and ends the process, so that the deployment fails and not a buyer's request. The
// one exception is a secrets extension that is not ready yet: if nothing else is wrong, the first invocation starts the function.
func Main[C any](function string, wire func(Process, C) (map[string]httpapi.Handler, error)) {
	MainWithSockets(function, withoutSockets(wire))
}

func withoutSockets[C any](wire func(Process, C) (map[string]httpapi.Handler, error)) func(Process, C) (Routes, error) {
	return func(p Process, c C) (Routes, error) {
		routes, err := wire(p, c)
		return Routes{HTTP: routes}, err
	}
}

// MainWithSockets is Main for a function that also serves a WebSocket API.
func MainWithSockets[C any](function string, wire func(Process, C) (Routes, error)) {
	logLibraries(telemetry.NewLogger(os.Stdout, function))
	handler, err := invocation.StartOrLater(context.Background(), func(ctx context.Context) (invocation.Handler, error) {
		return startRoutes(ctx, function, env.ToMap(os.Environ()), os.Stdout, wire)
	})
	if err != nil {
		telemetry.NewLogger(os.Stderr, function).Error("start failed", telemetry.KeyError, err.Error())
		os.Exit(1)
	}
	lambda.Start(handler)
}

// originSecrets is the variable of Edge.
const originSecrets = "ORIGIN_SECRETS"

// startRoutes is MainWithSockets without the process around it. It returns the handler; invocation.StartOrLater limits the time of its
// invocations.
func startRoutes[C any](ctx context.Context, function string, vars map[string]string, out io.Writer, wire func(Process, C) (Routes, error)) (lambda.Handler, error) {
	config, environment, err := readConfig[C](ctx, vars, getOverHTTP)
	if err != nil {
		return nil, err
	}
	log := telemetry.NewLogger(out, function)
	awsConfig, err := LoadAWS(ctx, log)
	if err != nil {
		return nil, fmt.Errorf("AWS config: %w", err)
	}
	p := Process{
		Log:    log,
		Meter:  telemetry.NewMeter(out, function, time.Now),
		Now:    time.Now,
		Random: cryptorand.Reader,
		Jitter: jitter{},
		AWS:    awsConfig,
		Warm:   &warm.Tasks{},
	}
	routes, err := wire(p, config)
	if err != nil {
		return nil, errors.New(environment.Hide(err.Error()))
	}
	router := httpapi.NewRouter(routes.HTTP, p.Log, p.Now)
	sockets := socketapi.NewRouter(routes.WebSocket, p.Log, p.Now)
	accepted, err := origin.Parse(environment.Vars()[originSecrets])
	if err != nil {
		return nil, err
	}
	router.Behind(accepted)
	sockets.Behind(accepted)
	p.Warm.Run(ctx, warm.Within, p.Log)
	requests := lambda.NewHandler(router.Handle)
	if routes.WebSocket == nil {
		return requests, nil
	}
	return byShape{requests: requests, sockets: lambda.NewHandler(sockets.Handle)}, nil
}

// logLibraries redirects what libraries print through package log to the function's log, for the whole process: net/http and
// aws-lambda-go would write plain text to standard error.
func logLibraries(log *slog.Logger) { slog.SetDefault(log) }
