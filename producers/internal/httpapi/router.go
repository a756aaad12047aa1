// Package httpapi is the HTTP edge of the producers: strict decoding of requests, problem+json, and the router from an
// HTTP API route to its handler. It is the only package of the producers that knows the form of an answer.
package httpapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts/telemetry"
	"boxoffice/contracts/topology"
)

// Handler answers one request. A refusal is an error: a *Problem, or a refusal of admission. Any other error is answered 500 and
// logged, and none of it is in the answer. It must be safe for concurrent use.
type Handler func(ctx context.Context, r Request) (Response, error)

// Router sends a request to the handler of its route. It is immutable and safe for concurrent use.
type Router struct {
	routes map[string]Handler
	log    *slog.Logger
	now    func() time.Time
}

// NewRouter makes a router of "METHOD /path" to handler. What a handler leaves as a panic becomes a 500 problem.
func NewRouter(routes map[string]Handler, log *slog.Logger, now func() time.Time) *Router {
	return &Router{routes: routes, log: log, now: now}
}

// Handle is the Lambda handler. It never returns an error: API Gateway would answer one with an opaque 500.
func (r *Router) Handle(ctx context.Context, event events.APIGatewayV2HTTPRequest) (response Response, _ error) {
	started := r.now()
	request := Request{event}
	ctx = telemetry.WithTrace(ctx, traceOf(request.Header("X-Amzn-Trace-Id"), event.RequestContext.RequestID, started))
	code := ""
	defer func() {
		if p := recover(); p != nil {
			r.log.ErrorContext(ctx, "handler panicked", telemetry.KeyError, fmt.Sprint(p), telemetry.KeyStack, string(debug.Stack()),
				telemetry.KeyTrace, telemetry.Trace(ctx), telemetry.KeyRequest, event.RequestContext.RequestID, telemetry.KeyRoute, event.RouteKey)
			code = CodeInternal
			response = internal().Response(event.RawPath)
		}
		r.log.InfoContext(ctx, "request", telemetry.KeyRoute, event.RouteKey, telemetry.KeyHTTPStatus, response.StatusCode, telemetry.KeyCode, code,
			telemetry.KeyTrace, telemetry.Trace(ctx), telemetry.KeyRequest, event.RequestContext.RequestID, telemetry.KeyDuration, telemetry.Milliseconds(r.now().Sub(started)))
	}()
	handler, known := r.handlerOf(event.RouteKey)
	if !known {
		handler = func(context.Context, Request) (Response, error) {
			return Response{}, NewProblem(CodeNotFound, "There is no such route.")
		}
	}
	response, err := handler(ctx, request)
	if err != nil {
		problem := ProblemOf(err)
		if problem.cause != nil {
			r.log.ErrorContext(ctx, "handler failed", telemetry.KeyError, problem.cause.Error(),
				telemetry.KeyTrace, telemetry.Trace(ctx), telemetry.KeyRequest, event.RequestContext.RequestID, telemetry.KeyRoute, event.RouteKey)
		}
		code = problem.Code
		response = problem.Response(event.RawPath)
	}
	if event.RequestContext.HTTP.Method == http.MethodHead {
		response.Body = ""
	}
	return response, nil
}

// handlerOf finds the handler of a route. HEAD is answered as GET, without the body.
func (r *Router) handlerOf(routeKey string) (Handler, bool) {
	if path, head := strings.CutPrefix(routeKey, http.MethodHead+" "); head {
		routeKey = http.MethodGet + " " + path
	}
	handler, known := r.routes[routeKey]
	return handler, known
}

// Fallback is the handler of the $default route: 405 with Allow for a path that has a route under another method, 404
// for any other. routes are all routes of the API, whoever serves them.
func Fallback(routes []string) Handler {
	return func(_ context.Context, r Request) (Response, error) {
		var allow []string
		for _, route := range routes {
			method, pattern, ok := strings.Cut(route, " ")
			if ok && matches(pattern, r.RawPath) && !slices.Contains(allow, method) {
				allow = append(allow, method)
			}
		}
		if len(allow) == 0 {
			return Response{}, NewProblem(CodeNotFound, "There is no such route.")
		}
		slices.Sort(allow)
		p := NewProblem(CodeMethodNotAllowed, fmt.Sprintf("This address takes %s.", strings.Join(allow, ", ")))
		p.allow = strings.Join(allow, ", ")
		return Response{}, p
	}
}

// AllRoutes lists the routes of every function of a topology but the default one.
func AllRoutes(t topology.Topology) []string {
	var routes []string
	for _, f := range t.Functions {
		for _, r := range f.Routes {
			if r.Route != topology.DefaultRoute {
				routes = append(routes, r.Route)
			}
		}
	}
	return routes
}

// matches compares a path with a pattern part by part; {name} takes any one part that is not empty.
func matches(pattern, path string) bool {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if strings.HasPrefix(want[i], "{") {
			if got[i] == "" {
				return false
			}
		} else if want[i] != got[i] {
			return false
		}
	}
	return true
}
