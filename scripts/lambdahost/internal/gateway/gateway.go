// Package gateway imitates an HTTP API of API Gateway with Lambda integrations: routes, JWT authorizer, throttle, events in
// payload format 2.0, and the responses that API Gateway makes itself. Ahead of the routes it can serve files, as CloudFront does
// from a bucket. It needs a function that invokes (InvokeFunc).
package gateway

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"boxoffice/contracts/telemetry"
	"boxoffice/scripts/lambdahost/internal/runtimeapi"
)

const (
	// maxBody is API Gateway's limit for a request body, in bytes.
	maxBody = 10 << 20
	// integrationTimeout is API Gateway's limit for an integration.
	integrationTimeout = 30 * time.Second
)

// InvokeFunc calls a function and returns its response, as runtimeapi.Host.Invoke does.
type InvokeFunc func(ctx context.Context, function string, invocation runtimeapi.Invocation) ([]byte, error)

// Options of a Gateway. Throttle and Files are optional, and so is Authorizer if no route needs it.
type Options struct {
	Routes     []Route
	Invoke     InvokeFunc
	Authorizer *Authorizer
	Throttle   *Throttle
	Files      []*Files
	// AccountID is passed to the functions.
	AccountID string
	Logger    *slog.Logger
	Now       func() time.Time
	// Random is the source of request and trace ids.
	Random io.Reader
}

// Gateway is the http.Handler. It is safe for concurrent use.
type Gateway struct {
	options Options
	table   table
}

// New checks the routes and returns the gateway. It reports all problems of route keys together.
func New(options Options) (*Gateway, error) {
	routes, err := newTable(options.Routes)
	if err != nil {
		return nil, err
	}
	for _, r := range options.Routes {
		if r.JWT && options.Authorizer == nil {
			return nil, fmt.Errorf("route %q needs an authorizer", r.Key)
		}
		if len(r.Scopes) > 0 && !r.JWT {
			return nil, fmt.Errorf("route %q has scopes but no JWT", r.Key)
		}
	}
	sortByPrefix(options.Files)
	return &Gateway{options: options, table: routes}, nil
}

// ServeHTTP handles one request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for _, files := range g.options.Files {
		if files.serve(w, r) {
			return
		}
	}
	requestID := g.newRequestID()
	w.Header().Set("Apigw-Requestid", requestID)
	matched, ok := g.table.match(r.Method, r.URL.EscapedPath())
	if !ok {
		writeMessage(w, http.StatusNotFound, "Not Found")
		return
	}
	now := g.options.Now()
	if !g.options.Throttle.allow(now) {
		writeMessage(w, http.StatusTooManyRequests, "Too Many Requests")
		return
	}
	var claims map[string]string
	if matched.route.JWT {
		verified, err := g.options.Authorizer.verify(r.Context(), strings.Join(r.Header["Authorization"], ","))
		if err != nil {
			// The reason helps the operator of the stack; the token itself is never logged.
			g.options.Logger.Info("a token was refused", telemetry.KeyRoute, matched.route.Key, telemetry.KeyRequest, requestID, telemetry.KeyReason, err.Error())
			w.Header().Set("Www-Authenticate", "Bearer")
			writeMessage(w, http.StatusUnauthorized, "Unauthorized")
			return
		}
		if !hasScope(verified, matched.route.Scopes) {
			writeMessage(w, http.StatusForbidden, "Forbidden")
			return
		}
		claims = verified
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		refuseBody(w, err)
		return
	}
	g.invoke(w, r, incoming{request: r, matched: matched, body: body, claims: claims, requestID: requestID, at: now, accountID: g.options.AccountID, trace: g.trace(r, now)})
}

func (g *Gateway) trace(r *http.Request, now time.Time) string {
	if given := r.Header.Get("X-Amzn-Trace-Id"); given != "" {
		return given
	}
	return runtimeapi.NewTrace(now, g.options.Random)
}

func refuseBody(w http.ResponseWriter, err error) {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		writeMessage(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		return
	}
	writeMessage(w, http.StatusBadRequest, "Bad Request")
}

func (g *Gateway) invoke(w http.ResponseWriter, r *http.Request, in incoming) {
	event, err := in.event()
	if err != nil {
		g.failed(w, in, http.StatusInternalServerError, "Internal Server Error", err)
		return
	}
	// As on AWS, the function is invoked even if the client has disconnected.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), integrationTimeout)
	defer cancel()
	payload, err := g.options.Invoke(ctx, in.matched.route.Function, runtimeapi.Invocation{Payload: event, Trace: in.trace})
	switch {
	case errors.Is(err, runtimeapi.ErrPayloadTooLarge):
		writeMessage(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		return
	case runtimeapi.IsTimeout(err), errors.Is(err, context.DeadlineExceeded), errors.Is(err, runtimeapi.ErrStopping), errors.Is(err, runtimeapi.ErrThrottled):
		g.failed(w, in, http.StatusServiceUnavailable, "Service Unavailable", err)
		return
	case err != nil:
		g.failed(w, in, http.StatusInternalServerError, "Internal Server Error", err)
		return
	}
	parsed, err := parseResponse(payload)
	if err != nil {
		g.failed(w, in, http.StatusInternalServerError, "Internal Server Error", err)
		return
	}
	parsed.write(w)
}

func (g *Gateway) failed(w http.ResponseWriter, in incoming, status int, message string, err error) {
	g.options.Logger.Error("a request failed at its function", telemetry.KeyFunction, in.matched.route.Function, telemetry.KeyRoute, in.matched.route.Key,
		telemetry.KeyRequest, in.requestID, telemetry.KeyHTTPStatus, status, telemetry.KeyError, err.Error())
	writeMessage(w, status, message)
}

// newRequestID returns an id in the form that HTTP APIs use.
func (g *Gateway) newRequestID() string {
	var b [11]byte
	// Ids are not secret. A random source that runs out gives equal ids.
	_, _ = io.ReadFull(g.options.Random, b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}
