// Package socketapi is the WebSocket edge of the producers: it routes the events of API Gateway's WebSocket API to their handlers and
// makes the answers. Its events have another shape than those of package httpapi, whose problems it shares.
package socketapi

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts/frame"
	"boxoffice/contracts/origin"
	"boxoffice/contracts/telemetry"
	"boxoffice/contracts/topology"
	"boxoffice/producers/internal/httpapi"
)

// Request is an event of a WebSocket API.
type Request struct {
	events.APIGatewayWebsocketProxyRequest
}

// Response is the answer to an event. Its status decides about a handshake; its body is sent to the client of a message.
type Response = events.APIGatewayProxyResponse

// Handler answers one event. A refusal is an error: a *httpapi.Problem. Any other error is answered 500; its text is logged and not
// sent. A handler ends with ctx and is safe for concurrent use.
type Handler func(ctx context.Context, r Request) (Response, error)

// ConnectionID is the gateway's id of the connection.
func (r Request) ConnectionID() string { return r.RequestContext.ConnectionID }

// Header returns the values of a header, joined by commas. Only the event of a handshake has the client's headers, in the client's
// own spelling.
func (r Request) Header(name string) string {
	var all []string
	for given, values := range r.MultiValueHeaders {
		if strings.EqualFold(given, name) {
			all = append(all, values...)
		}
	}
	if len(all) > 0 {
		return strings.Join(all, ",")
	}
	for given, value := range r.Headers {
		if strings.EqualFold(given, name) {
			return value
		}
	}
	return ""
}

// JSON makes the answer to a message. A body that cannot be encoded is a mistake of ours.
func JSON(body any) (Response, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return Response{}, fmt.Errorf("encode a frame: %w", err)
	}
	return Response{StatusCode: http.StatusOK, Body: string(encoded)}, nil
}

// Router calls the handler of an event's route. After Behind it is immutable and safe for concurrent use.
type Router struct {
	routes map[string]Handler
	origin origin.Secrets
	log    *slog.Logger
	now    func() time.Time
}

// NewRouter makes a router. routes maps a route key, such as $connect, to its handler. A panic of a handler is answered 500 and
// logged.
func NewRouter(routes map[string]Handler, log *slog.Logger, now func() time.Time) *Router {
	return &Router{routes: routes, log: log, now: now}
}

// Behind makes the router refuse handshakes that did not come through the edge. Events of an open connection have no headers. It is
// called before the first event.
func (r *Router) Behind(accepted origin.Secrets) { r.origin = accepted }

// Handle is the Lambda handler. Its error is always nil: API Gateway would tell the client nothing but that there was one. No header
// and no body is logged: they have tickets.
func (r *Router) Handle(ctx context.Context, event events.APIGatewayWebsocketProxyRequest) (response Response, _ error) {
	started := r.now()
	about := event.RequestContext
	ctx = telemetry.WithTrace(ctx, httpapi.TraceOf("", about.RequestID, started))
	code := ""
	defer func() {
		if p := recover(); p != nil {
			r.log.ErrorContext(ctx, "handler panicked", telemetry.KeyError, fmt.Sprint(p), telemetry.KeyStack, string(debug.Stack()),
				telemetry.KeyTrace, telemetry.Trace(ctx), telemetry.KeyRequest, about.RequestID, telemetry.KeyRoute, about.RouteKey)
			code = httpapi.CodeInternal
			response = refusal(about.RouteKey, httpapi.NewProblem(code, internalDetail))
		}
		r.log.InfoContext(ctx, "event", telemetry.KeyRoute, about.RouteKey, telemetry.KeyConnection, about.ConnectionID, telemetry.KeyHTTPStatus, response.StatusCode,
			telemetry.KeyCode, code, telemetry.KeyTrace, telemetry.Trace(ctx), telemetry.KeyRequest, about.RequestID, telemetry.KeyDuration, telemetry.Milliseconds(r.now().Sub(started)))
	}()
	response, err := r.answer(ctx, Request{event})
	if err != nil {
		problem := httpapi.ProblemOf(err)
		if cause := problem.Cause(); cause != nil {
			r.log.ErrorContext(ctx, "handler failed", telemetry.KeyError, cause.Error(),
				telemetry.KeyTrace, telemetry.Trace(ctx), telemetry.KeyRequest, about.RequestID, telemetry.KeyRoute, about.RouteKey)
		}
		code = problem.Code
		response = refusal(about.RouteKey, problem)
	}
	return response, nil
}

const internalDetail = "Something went wrong here. Try again."

func (r *Router) answer(ctx context.Context, request Request) (Response, error) {
	handler, known := r.routes[request.RequestContext.RouteKey]
	if !known {
		return Response{}, httpapi.NewProblem(httpapi.CodeNotFound, "There is no such route.")
	}
	if request.RequestContext.RouteKey == topology.RouteConnect && !r.origin.Accept(request.Header(origin.Header)) {
		return Response{}, httpapi.NewProblem(httpapi.CodeForbidden, "This address does not take connections. Use the address of the site.")
	}
	return handler(ctx, request)
}

// refusal makes the answer of a problem: the status of a handshake, or the frame that answers a message.
func refusal(route string, problem *httpapi.Problem) Response {
	if route != topology.RouteMessage {
		return Response{StatusCode: problem.Status}
	}
	response, err := JSON(frame.NewError(frame.Code(problem.Code), problem.Detail))
	if err != nil {
		return Response{StatusCode: http.StatusInternalServerError}
	}
	response.StatusCode = problem.Status
	return response
}
