package control

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"boxoffice/scripts/lambdahost/internal/runtimeapi"
)

// host is a Host whose results depend on the function's name.
type host struct{ traces []string }

func (h *host) Invoke(_ context.Context, function string, invocation runtimeapi.Invocation) ([]byte, error) {
	h.traces = append(h.traces, invocation.Trace)
	switch function {
	case "echo":
		return invocation.Payload, nil
	case "broken":
		return nil, &runtimeapi.FunctionError{Type: "errorString", Message: "no", Payload: []byte(`{"errorMessage":"no"}`)}
	case "stopping":
		return nil, runtimeapi.ErrStopping
	}
	return nil, runtimeapi.ErrUnknownFunction
}

func (h *host) Status() []runtimeapi.FunctionStatus {
	return []runtimeapi.FunctionStatus{{Name: "echo"}}
}

func TestEndpoint(t *testing.T) {
	missing := []string{"process 0 of function echo"}
	h := &host{}
	handler := New(Options{Host: h, Missing: func() []string { return missing }, Sources: func() []any { return []any{map[string]string{"kind": "queue"}} }})
	ask := func(method, path, body string) (int, string, http.Header) {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("X-Amzn-Trace-Id", "Root=1")
		handler.ServeHTTP(w, r)
		content, err := io.ReadAll(w.Result().Body)
		if err != nil {
			t.Fatal(err)
		}
		return w.Code, string(content), w.Header()
	}
	if code, body, _ := ask("GET", "/healthz", ""); code != 503 || !strings.Contains(body, "process 0 of function echo") {
		t.Errorf("before: %d %s", code, body)
	}
	missing = nil
	if code, _, _ := ask("GET", "/healthz", ""); code != 200 {
		t.Errorf("ready: %d", code)
	}
	if _, body, _ := ask("GET", "/status", ""); !strings.Contains(body, `"name":"echo"`) || !strings.Contains(body, `"kind":"queue"`) {
		t.Errorf("status %s", body)
	}
	for _, c := range []struct {
		path, body string
		code       int
		want       string
		failed     string
	}{
		{"/invoke/echo", `{"a":1}`, 200, `{"a":1}`, ""},
		{"/invoke/broken", `{}`, 200, `{"errorMessage":"no"}`, "Unhandled"},
		{"/invoke/stopping", `{}`, 503, "stopping", ""},
		{"/invoke/absent", `{}`, 404, "unknown function", ""},
		{"/invoke/echo", strings.Repeat(" ", runtimeapi.MaxPayload+1), 413, "too large", ""},
	} {
		code, body, header := ask("POST", c.path, c.body)
		if code != c.code || !strings.Contains(body, c.want) || header.Get("X-Amz-Function-Error") != c.failed {
			t.Errorf("%s: %d %.100s %v", c.path, code, body, header)
		}
	}
	if code, _, _ := ask("GET", "/invoke/echo", ""); code != 405 {
		t.Errorf("GET of an invocation: %d", code)
	}
	if len(h.traces) != 4 || h.traces[0] != "Root=1" {
		t.Errorf("traces %v", h.traces)
	}
}
