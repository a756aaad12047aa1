package boot

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts/origin"
	"boxoffice/producers/internal/httpapi"
)

// A function whose config has origin secrets refuses a request without one of them, before its handler sees it. Without any it
// handles every request.
func TestFunctionRefusesRequestsThatDidNotComeThroughTheEdge(t *testing.T) {
	for name, value := range map[string]string{"AWS_REGION": "eu-west-1", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_PROFILE": ""} {
		t.Setenv(name, value)
	}
	first, second := strings.Repeat("c4n4ry-1", 4), strings.Repeat("c4n4ry-2", 4)
	for _, c := range []struct {
		configured, given string
		status            int
	}{
		{"", "", 200}, {"", "anything", 200},
		{first, first, 200}, {first + "," + second, first, 200}, {first + "," + second, second, 200},
		{first, "", 403}, {first, second, 403}, {first + "," + second, first + "," + second, 403},
	} {
		var out bytes.Buffer
		called := false
		handler, err := start(t.Context(), "f", map[string]string{"ORIGIN_SECRETS": c.configured}, &out, func(Process, struct{ Edge }) (map[string]httpapi.Handler, error) {
			return map[string]httpapi.Handler{"GET /api/x": func(context.Context, httpapi.Request) (httpapi.Response, error) {
				called = true
				return httpapi.JSON(200, struct{}{}, nil), nil
			}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		event, err := json.Marshal(events.APIGatewayV2HTTPRequest{RouteKey: "GET /api/x", RawPath: "/api/x", Headers: map[string]string{strings.ToLower(origin.Header): c.given}})
		if err != nil {
			t.Fatal(err)
		}
		payload, err := handler.Invoke(t.Context(), event)
		var response httpapi.Response
		if err != nil || json.Unmarshal(payload, &response) != nil || response.StatusCode != c.status || called != (c.status == 200) {
			t.Errorf("configured %q, given %q: %s, %v", c.configured, c.given, payload, err)
		}
		if c.status == 403 && !strings.Contains(response.Body, `"code":"forbidden"`) {
			t.Errorf("refused by %s", response.Body)
		}
		if strings.Contains(out.String(), "c4n4ry") {
			t.Errorf("the log has a secret: %s", &out)
		}
	}
}

// A function with secrets that nobody can send does not start, and the error shows none of them.
func TestFunctionWithUnusableOriginSecretsDoesNotStart(t *testing.T) {
	t.Setenv("AWS_REGION", "eu-west-1")
	_, err := start(t.Context(), "f", map[string]string{"ORIGIN_SECRETS": "c4n4ry"}, &bytes.Buffer{}, func(Process, struct{ Edge }) (map[string]httpapi.Handler, error) {
		return nil, nil
	})
	if err == nil || strings.Contains(err.Error(), "c4n4ry") {
		t.Errorf("%v", err)
	}
}
