// Package httpapi is the HTTP edge of the producers. It parses requests strictly, routes them to their handlers, and makes the
// answers; every error is answered as problem+json. It is the only package of the producers that knows the form of an answer.
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

	"boxoffice/contracts/origin"
	"boxoffice/contracts/telemetry"
	"boxoffice/contracts/topology"
)

// Handler answers one request. A refusal is an error: a *Problem, or a refusal of admission. Any other error is answered 500; its
// text is logged and not sent. A handler ends with ctx and is safe for concurrent use.
type Handler func(ctx context.Context, r Request) (Response, error)

// Router calls the handler of a request's route. After Behind it is immutable and safe for concurrent use.
type Router struct {
	routes map[string]Handler
	origin origin.Secrets
	log    *slog.Logger
	now    func() time.Time
}

// NewRouter makes a router. routes maps "METHOD /path" to a handler. A panic of a handler is answered 500 and logged.
func NewRouter(routes map[string]Handler, log *slog.Logger, now func() time.Time) *Router {
	return &Router{routes: routes, log: log, now: now}
}

// Behind makes the router refuse requests that did not come through the edge: 403 forbidden. It is called before the first
// request.
func (r *Router) Behind(accepted origin.Secrets) { r.origin = accepted }

// Handle is the Lambda handler. Its error is always nil: API Gateway would answer one with an opaque 500.
func (r *Router) Handle(ctx context.Context, event events.APIGatewayV2HTTPRequest) (response Response, _ error) {
	started := r.now()
	request := Request{event}
	ctx = telemetry.WithTrace(ctx, TraceOf(request.Header("X-Amzn-Trace-Id"), event.RequestContext.RequestID, started))
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
	if !r.origin.Accept(request.Header(origin.Header)) {
		handler = func(context.Context, Request) (Response, error) {
			return Response{}, NewProblem(CodeForbidden, "This address does not take requests. Use the address of the site.")
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

// handlerOf returns the handler of a route. HEAD is answered as GET, without the body.
func (r *Router) handlerOf(routeKey string) (Handler, bool) {
	if path, head := strings.CutPrefix(routeKey, http.MethodHead+" "); head {
		routeKey = http.MethodGet + " " + path
	}
	handler, known := r.routes[routeKey]
	return handler, known
}

// Fallback returns the handler of the $default route: 405 with Allow for a path that has a route under another method, 404 for
// any other path. routes are all routes of the API, of every function.
func Fallback(routes []string) Handler {
	return func(_ context.Context, r Request) (Response, error) {
		var allow []string
		for _, route := range routes {
			method, pattern, ok := strings.Cut(route, " ")
			if ok && matches(pattern, r.RawPath) && !slices.Contains(allow, method) {
				allow = append(allow, method)
			}
		}
		// A path that has this very method came here because it is spelt in another way, as /api%2forders: it is not that path.
		if len(allow) == 0 || slices.Contains(allow, r.RequestContext.HTTP.Method) {
			return Response{}, NewProblem(CodeNotFound, "There is no such route.")
		}
		slices.Sort(allow)
		p := NewProblem(CodeMethodNotAllowed, fmt.Sprintf("This address takes %s.", strings.Join(allow, ", ")))
		p.allow = strings.Join(allow, ", ")
		return Response{}, p
	}
}

// AllRoutes returns the routes of every function of a topology except the default one.
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

// matches compares a path with a pattern part by part. {name} matches any one part that is not empty.
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
