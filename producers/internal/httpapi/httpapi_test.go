package httpapi_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts/openapi"
	"boxoffice/contracts/topology"
	"boxoffice/producers/internal/httpapi"
)

type thing struct {
	Name  string   `json:"name"`
	Seats []string `json:"seats"`
}

func request(body, contentType string) httpapi.Request {
	return httpapi.Request{APIGatewayV2HTTPRequest: events.APIGatewayV2HTTPRequest{Body: body, Headers: map[string]string{"content-type": contentType}}}
}

func TestDecode(t *testing.T) {
	for name, test := range map[string]struct {
		body, contentType string
		code, pointer     string
	}{
		"good":                      {body: `{"name":"a","seats":["b"]}`, contentType: "application/json"},
		"with charset":              {body: `{}`, contentType: "application/json; charset=UTF-8"},
		"of exactly 8192 bytes":     {body: `{"name":"a"}` + strings.Repeat(" ", 8192-12), contentType: "application/json"},
		"of 8193 bytes":             {body: `{"name":"a"}` + strings.Repeat(" ", 8193-12), contentType: "application/json", code: "body_too_large"},
		"too large and no JSON":     {body: strings.Repeat("x", 20000), contentType: "text/plain", code: "body_too_large"},
		"no type":                   {body: `{}`, code: "unsupported_media_type"},
		"another type":              {body: `{}`, contentType: "application/xml", code: "unsupported_media_type"},
		"a type that begins alike":  {body: `{}`, contentType: "application/jsonp", code: "unsupported_media_type"},
		"another charset":           {body: `{}`, contentType: "application/json; charset=latin1", code: "unsupported_media_type"},
		"an unknown member":         {body: `{"name":"a","x":1}`, contentType: "application/json", code: "invalid_json", pointer: "/x"},
		"a member in another case":  {body: `{"Name":"a"}`, contentType: "application/json", code: "invalid_json", pointer: "/Name"},
		"a member twice":            {body: `{"name":"a","name":"b"}`, contentType: "application/json", code: "invalid_json", pointer: "/name"},
		"a member to be escaped":    {body: `{"a/b~c":1}`, contentType: "application/json", code: "invalid_json", pointer: "/a~1b~0c"},
		"another type of value":     {body: `{"seats":["b",1]}`, contentType: "application/json", code: "invalid_request", pointer: "/seats/1"},
		"another type of body":      {body: `"x"`, contentType: "application/json", code: "invalid_request"},
		"half of it":                {body: `{"name":`, contentType: "application/json", code: "invalid_json", pointer: "/name"},
		"something behind it":       {body: `{} x`, contentType: "application/json", code: "invalid_json"},
		"bytes that are no UTF-8":   {body: "{\"name\":\"\xff\"}", contentType: "application/json", code: "invalid_json", pointer: "/name"},
		"a lone surrogate":          {body: `{"name":"\ud800"}`, contentType: "application/json", code: "invalid_json", pointer: "/name"},
		"nothing":                   {contentType: "application/json", code: "invalid_json"},
		"nested beyond any meaning": {body: strings.Repeat("[", 8000), contentType: "application/json", code: "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			var v thing
			problem := request(test.body, test.contentType).Decode(&v)
			if test.code == "" {
				if problem != nil {
					t.Fatalf("refused: %v", problem)
				}
				return
			}
			pointer := ""
			if problem != nil && problem.Pointer != nil {
				pointer = *problem.Pointer
			}
			if problem == nil || problem.Code != test.code || pointer != test.pointer {
				t.Errorf("got %v at %q, want %s at %q", problem, pointer, test.code, test.pointer)
			}
		})
	}
}

func TestDecodeOfABinaryBody(t *testing.T) {
	r := request(base64.StdEncoding.EncodeToString([]byte(`{"name":"a"}`)), "application/json")
	r.IsBase64Encoded = true
	var v thing
	if problem := r.Decode(&v); problem != nil || v.Name != "a" {
		t.Errorf("got %+v, %v", v, problem)
	}
	r.Body = "!"
	if problem := r.Decode(&v); problem == nil || problem.Code != "invalid_json" {
		t.Errorf("got %v", problem)
	}
}

func FuzzDecode(f *testing.F) {
	for _, body := range []string{`{"name":"a","seats":["b"]}`, `{"name":1}`, `[`, "\xff", `{"name":"a","name":"b"}`} {
		f.Add(body, "application/json", false)
	}
	f.Fuzz(func(t *testing.T, body, contentType string, binary bool) {
		r := request(body, contentType)
		r.IsBase64Encoded = binary
		var v thing
		problem := r.Decode(&v)
		if problem != nil && (problem.Status < 400 || problem.Status > 499 || !slices.Contains(httpapi.Codes(), problem.Code)) {
			t.Errorf("bad input answers %d %s", problem.Status, problem.Code)
		}
	})
}

func handle(t *testing.T, routes map[string]httpapi.Handler, routeKey, path string) httpapi.Response {
	t.Helper()
	router := httpapi.NewRouter(routes, slog.New(slog.DiscardHandler), time.Now)
	response, err := router.Handle(t.Context(), events.APIGatewayV2HTTPRequest{RouteKey: routeKey, RawPath: path})
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func TestAPanicIsAProblemAndTellsNothing(t *testing.T) {
	response := handle(t, map[string]httpapi.Handler{"GET /x": func(context.Context, httpapi.Request) (httpapi.Response, *httpapi.Problem) {
		panic("table arn:aws:secret")
	}}, "GET /x", "/x")
	if response.StatusCode != http.StatusInternalServerError || response.Headers["Content-Type"] != "application/problem+json" || strings.Contains(response.Body, "secret") {
		t.Errorf("got %d %s", response.StatusCode, response.Body)
	}
}

func TestFallback(t *testing.T) {
	all, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	routes := map[string]httpapi.Handler{topology.DefaultRoute: httpapi.Fallback(append(httpapi.AllRoutes(all), "DELETE /api/orders/{orderId}"))}
	for path, want := range map[string]struct {
		status int
		allow  string
	}{
		"/api/orders": {405, "POST"}, "/api/orders/x": {405, "DELETE, GET"}, "/api/concerts": {405, "GET"},
		"/api/orders/": {404, ""}, "/api/orders/x/y": {404, ""}, "/": {404, ""}, "": {404, ""}, "/api/concerts/x/layout": {405, "GET"},
	} {
		got := handle(t, routes, topology.DefaultRoute, path)
		if got.StatusCode != want.status || got.Headers["Allow"] != want.allow {
			t.Errorf("%s: got %d, Allow %q, want %d, %q", path, got.StatusCode, got.Headers["Allow"], want.status, want.allow)
		}
	}
}

func TestUnavailableCarriesItsPace(t *testing.T) {
	got := httpapi.NewProblem(httpapi.CodeUnavailable, "d").Response("/p")
	var body struct {
		PollAfterMs int    `json:"pollAfterMs"`
		Instance    string `json:"instance"`
	}
	if err := json.Unmarshal([]byte(got.Body), &body); err != nil || got.Headers["Retry-After"] != "1" || body.PollAfterMs != 1000 || body.Instance != "/p" {
		t.Errorf("got %v %s, %v", got.Headers, got.Body, err)
	}
}

func TestRetryAfterIsInWholeSecondsRoundedUp(t *testing.T) {
	for ms, want := range map[int]string{0: "1", 1: "1", 999: "1", 1000: "1", 1001: "2", 60000: "60"} {
		if got := httpapi.RetryAfter(ms); got != want {
			t.Errorf("%d ms: got %s, want %s", ms, got, want)
		}
	}
}

// The codes that a problem may have are those of the contract.
func TestCodesAreInTheContract(t *testing.T) {
	contract := string(openapi.YAML)
	from := strings.Index(contract, "        code:\n          enum:\n            - not_found")
	if from < 0 {
		t.Fatal("the contract has no list of codes")
	}
	list, _, _ := strings.Cut(contract[from:], "        detail:")
	var promised []string
	for _, m := range regexp.MustCompile(`(?m)^            - ([a-z_]+)$`).FindAllStringSubmatch(list, -1) {
		promised = append(promised, m[1])
	}
	have := httpapi.Codes()
	slices.Sort(promised)
	slices.Sort(have)
	if !slices.Equal(promised, have) {
		t.Errorf("the contract has %v, the code %v", promised, have)
	}
}

type cursor struct {
	N int `json:"n"`
}

func TestCursor(t *testing.T) {
	list := func(query map[string]string) httpapi.Request {
		return httpapi.Request{APIGatewayV2HTTPRequest: events.APIGatewayV2HTTPRequest{QueryStringParameters: query}}
	}
	if k, problem := httpapi.Cursor[cursor](list(nil)); problem != nil || k != (cursor{}) {
		t.Errorf("no cursor: %v, %v", k, problem)
	}
	text := httpapi.EncodeCursor(cursor{N: 7})
	if k, problem := httpapi.Cursor[cursor](list(map[string]string{"cursor": text})); problem != nil || k.N != 7 {
		t.Errorf("ours: %v, %v", k, problem)
	}
	for _, bad := range []string{"", "x", text + "A", base64.RawURLEncoding.EncodeToString([]byte(`{"n":7} `)), base64.RawURLEncoding.EncodeToString([]byte(`{}`))} {
		if _, problem := httpapi.Cursor[cursor](list(map[string]string{"cursor": bad})); problem == nil || problem.Code != "invalid_cursor" {
			t.Errorf("%q: got %v", bad, problem)
		}
	}
}
