package boot

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/socketapi"
)

// A function that serves both gets each event where it belongs, and the secret of the edge counts for requests and for handshakes.
func TestEventsOfBothShapesReachTheirRouters(t *testing.T) {
	for name, value := range map[string]string{"AWS_REGION": "eu-west-1", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_PROFILE": ""} {
		t.Setenv(name, value)
	}
	both := func(Process, struct{ Edge }) (Routes, error) {
		return Routes{
			HTTP: map[string]httpapi.Handler{"GET /api/x": func(context.Context, httpapi.Request) (httpapi.Response, error) {
				return httpapi.JSON(200, "http", nil), nil
			}},
			WebSocket: map[string]socketapi.Handler{"$connect": func(context.Context, socketapi.Request) (socketapi.Response, error) {
				return socketapi.Response{StatusCode: 201}, nil
			}},
		}, nil
	}
	const request, handshake = `{"version":"2.0","routeKey":"GET /api/x","requestContext":{"http":{"method":"GET"}}}`, `{"requestContext":{"routeKey":"$connect","eventType":"CONNECT"}}`
	for _, c := range []struct {
		secret, event string
		status        string
	}{
		{"", request, `"statusCode":200`}, {"", handshake, `"statusCode":201`}, {"", `{}`, `"statusCode":404`},
		{strings.Repeat("o", 32), request, `"statusCode":403`}, {strings.Repeat("o", 32), handshake, `"statusCode":403`},
	} {
		handler, err := startRoutes(t.Context(), "f", map[string]string{"ORIGIN_SECRETS": c.secret}, &bytes.Buffer{}, both)
		if err != nil {
			t.Fatal(err)
		}
		if payload, err := handler.Invoke(t.Context(), []byte(c.event)); err != nil || !strings.Contains(string(payload), c.status) {
			t.Errorf("%s: %s, %v", c.event, payload, err)
		}
	}
}
