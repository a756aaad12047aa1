package socketapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts/origin"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/socketapi"
)

// recorded returns an event in the form in which API Gateway sends it.
func recorded(t *testing.T, name string) (event events.APIGatewayWebsocketProxyRequest) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name+".json")) //nolint:gosec // a file of the project
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &event); err != nil {
		t.Fatal(err)
	}
	return event
}

func TestEventsReachTheirHandlers(t *testing.T) {
	var log bytes.Buffer
	seen := map[string]socketapi.Request{}
	handler := func(_ context.Context, r socketapi.Request) (socketapi.Response, error) {
		seen[r.RequestContext.RouteKey] = r
		return socketapi.Response{StatusCode: 200, Body: "from " + r.RequestContext.RouteKey}, nil
	}
	router := socketapi.NewRouter(map[string]socketapi.Handler{"$connect": handler, "$disconnect": handler, "$default": handler}, slog.New(slog.NewJSONHandler(&log, nil)), time.Now)
	for name, route := range map[string]string{"connect": "$connect", "message": "$default", "disconnect": "$disconnect"} {
		response, err := router.Handle(t.Context(), recorded(t, name))
		if err != nil || response.StatusCode != 200 || response.Body != "from "+route || seen[route].ConnectionID() != "TdRHJfXFFiACEnQ=" {
			t.Errorf("%s: %+v, %v", name, response, err)
		}
	}
	if got := seen["$connect"].Header("sec-websocket-protocol"); got != "boxoffice, c4n4ry-ticket" {
		t.Errorf("offered %q", got)
	}
	if got := seen["$default"].Header("Sec-WebSocket-Protocol"); got != "" {
		t.Errorf("a message has %q", got)
	}
	if strings.Contains(log.String(), "c4n4ry") || strings.Contains(log.String(), "ping") || !strings.Contains(log.String(), `"connectionId":"TdRHJfXFFiACEnQ="`) {
		t.Errorf("logged %s", &log)
	}
}

// A header may be on several lines, and a proxy may have changed its case.
func TestHeaderJoinsLines(t *testing.T) {
	r := socketapi.Request{APIGatewayWebsocketProxyRequest: events.APIGatewayWebsocketProxyRequest{
		Headers:           map[string]string{"sec-websocket-protocol": "last"},
		MultiValueHeaders: map[string][]string{"sec-websocket-protocol": {"boxoffice", "last"}},
	}}
	if got := r.Header("Sec-WebSocket-Protocol"); got != "boxoffice,last" {
		t.Errorf("%q", got)
	}
	r.MultiValueHeaders = nil
	if got := r.Header("Sec-WebSocket-Protocol"); got != "last" {
		t.Errorf("%q", got)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		event   string
		handler socketapi.Handler
		status  int
		body    string
		logged  string
	}{
		"a refused handshake": {"connect", refusing(httpapi.NewProblem(httpapi.CodeUnauthorized, "no")), 401, "", "unauthorized"},
		"a broken handshake":  {"connect", refusing(errors.New("the reason")), 500, "", "the reason"},
		"a panic":             {"connect", func(context.Context, socketapi.Request) (socketapi.Response, error) { panic("the panic") }, 500, "", "the panic"},
		"a refused message":   {"message", refusing(httpapi.NewProblem(httpapi.CodeUnavailable, "later")), 503, `{"type":"error","code":"unavailable","detail":"later"}`, "unavailable"},
		"a broken message":    {"message", refusing(errors.New("the reason")), 500, `{"type":"error","code":"internal","detail":"The request could not be processed."}`, "the reason"},
		"no handler":          {"disconnect", nil, 404, "", "not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			routes := map[string]socketapi.Handler{}
			if c.handler != nil {
				routes["$connect"], routes["$default"] = c.handler, c.handler
			}
			router := socketapi.NewRouter(routes, slog.New(slog.NewJSONHandler(&log, nil)), time.Now)
			response, err := router.Handle(t.Context(), recorded(t, c.event))
			if err != nil || response.StatusCode != c.status || response.Body != c.body || len(response.Headers) > 0 {
				t.Errorf("%+v, %v", response, err)
			}
			if !strings.Contains(log.String(), c.logged) || strings.Contains(log.String(), "c4n4ry") {
				t.Errorf("logged %s", &log)
			}
		})
	}
}

func refusing(err error) socketapi.Handler {
	return func(context.Context, socketapi.Request) (socketapi.Response, error) { return socketapi.Response{}, err }
}

// Behind an edge, only its handshakes are answered. A message has no headers, and its handshake had the secret.
func TestHandshakesPastTheEdgeAreRefused(t *testing.T) {
	secret := strings.Repeat("o", 32)
	accepted, err := origin.Parse(secret)
	if err != nil {
		t.Fatal(err)
	}
	fine := func(context.Context, socketapi.Request) (socketapi.Response, error) {
		return socketapi.Response{StatusCode: 200}, nil
	}
	router := socketapi.NewRouter(map[string]socketapi.Handler{"$connect": fine, "$default": fine}, slog.New(slog.DiscardHandler), time.Now)
	router.Behind(accepted)
	handshake := recorded(t, "connect")
	for given, status := range map[string]int{"": 403, strings.Repeat("p", 32): 403, secret: 200} {
		handshake.MultiValueHeaders[origin.Header] = []string{given}
		if response, err := router.Handle(t.Context(), handshake); err != nil || response.StatusCode != status {
			t.Errorf("with %q: %+v, %v", given, response, err)
		}
	}
	if response, err := router.Handle(t.Context(), recorded(t, "message")); err != nil || response.StatusCode != 200 {
		t.Errorf("a message: %+v, %v", response, err)
	}
}
