package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/scripts/lambdahost/internal/runtimeapi"
)

var update = flag.Bool("update", false, "write golden files")

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// sevens is an endless source of bytes of the value 7.
type sevens struct{}

func (sevens) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 7
	}
	return len(p), nil
}

// call is an invocation that the integration received.
type call struct {
	function string
	runtimeapi.Invocation
}

// newGateway returns a gateway whose invocations all return answer and failure, and the list of these invocations.
func newGateway(t *testing.T, options Options, answer string, failure error) (*Gateway, *[]call) {
	t.Helper()
	calls := &[]call{}
	options.Invoke = func(_ context.Context, function string, invocation runtimeapi.Invocation) ([]byte, error) {
		*calls = append(*calls, call{function, invocation})
		return []byte(answer), failure
	}
	options.AccountID = "000000000001"
	options.Logger = slog.New(slog.DiscardHandler)
	options.Now = func() time.Time { return noon }
	options.Random = sevens{}
	if options.Routes == nil {
		options.Routes = []Route{
			{Key: "POST /api/orders", Function: "orders"},
			{Key: "GET /api/orders/{orderId}", Function: "queries"},
			{Key: "$default", Function: "fallback"},
		}
	}
	g, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	return g, calls
}

func do(g http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w
}

func TestEventIsPayloadFormat2(t *testing.T) {
	g, calls := newGateway(t, Options{}, `{"statusCode":200}`, nil)
	r := httptest.NewRequest(http.MethodGet, "http://tickets.example:8080/api/orders/a%2Fb%20c?seat=A-1&seat=A-2&name=J%C3%BCrgen+K&flag", strings.NewReader(`{"a":"ü"}`))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("User-Agent", "test/1")
	r.Header.Set("X-Forwarded-For", "203.0.113.9")
	r.Header["X-Several"] = []string{"one", "two"}
	r.Header["Cookie"] = []string{"a=1; b=2", "c=3"}
	r.Header.Set("Connection", "keep-alive")
	do(g, r)
	if len(*calls) != 1 {
		t.Fatalf("calls %v", *calls)
	}
	got := (*calls)[0].Payload
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, got, "", "  "); err != nil {
		t.Fatal(err)
	}
	pretty.WriteByte('\n')
	golden := filepath.Join("testdata", "event.json")
	if *update {
		if err := os.WriteFile(golden, pretty.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(pretty.Bytes(), want) {
		t.Errorf("event\n%s\nwant\n%s", &pretty, want)
	}

	var e events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(got, &e); err != nil {
		t.Fatal(err)
	}
	if e.PathParameters["orderId"] != "a/b c" || e.RawPath != "/api/orders/a/b c" || e.QueryStringParameters["seat"] != "A-1,A-2" || e.QueryStringParameters["name"] != "Jürgen K" ||
		e.RawQueryString != "seat=A-1&seat=A-2&name=J%C3%BCrgen+K&flag" || !reflect.DeepEqual(e.Cookies, []string{"a=1", "b=2", "c=3"}) || e.RequestContext.TimeEpoch != noon.UnixMilli() {
		t.Errorf("decoded event %+v", e)
	}
}

func TestEventOmitsEmptyMembers(t *testing.T) {
	g, calls := newGateway(t, Options{}, `{"statusCode":200}`, nil)
	do(g, httptest.NewRequest(http.MethodPost, "/api/orders", nil))
	var e map[string]any
	if err := json.Unmarshal((*calls)[0].Payload, &e); err != nil {
		t.Fatal(err)
	}
	for _, absent := range []string{"body", "cookies", "queryStringParameters", "pathParameters"} {
		if _, there := e[absent]; there {
			t.Errorf("%s is present: %v", absent, e[absent])
		}
	}
	if e["isBase64Encoded"] != false || e["rawQueryString"] != "" {
		t.Errorf("event %v", e)
	}
}

func TestBodyEncoding(t *testing.T) {
	for _, c := range []struct {
		contentType, body, want string
		base64                  bool
	}{
		{"application/json", `{}`, `{}`, false},
		{"text/csv; charset=utf-8", "a,b", "a,b", false},
		{"application/xml", "<a/>", "<a/>", false},
		{"application/x-www-form-urlencoded", "a=1", "YT0x", true},
		{"", "a", "YQ==", true},
		{"application/json", "\xff", "/w==", true},
	} {
		g, calls := newGateway(t, Options{}, `{"statusCode":200}`, nil)
		r := httptest.NewRequest(http.MethodPost, "/api/orders", strings.NewReader(c.body))
		if c.contentType != "" {
			r.Header.Set("Content-Type", c.contentType)
		}
		do(g, r)
		var e events.APIGatewayV2HTTPRequest
		if err := json.Unmarshal((*calls)[0].Payload, &e); err != nil {
			t.Fatal(err)
		}
		if e.Body != c.want || e.IsBase64Encoded != c.base64 {
			t.Errorf("%q as %q: body %q, base64 %v", c.body, c.contentType, e.Body, e.IsBase64Encoded)
		}
	}
}

func TestTraceIsPassedOnOrMade(t *testing.T) {
	g, calls := newGateway(t, Options{}, `{"statusCode":200}`, nil)
	r := httptest.NewRequest(http.MethodPost, "/api/orders", nil)
	r.Header.Set("X-Amzn-Trace-Id", "Root=1-00000001-000000000000000000000002")
	do(g, r)
	do(g, httptest.NewRequest(http.MethodPost, "/api/orders", nil))
	made := fmt.Sprintf("Root=1-%08x-%s", noon.Unix(), strings.Repeat("07", 12))
	for i, want := range []string{"Root=1-00000001-000000000000000000000002", made} {
		c := (*calls)[i]
		if c.Trace != want || !bytes.Contains(c.Payload, []byte(`"x-amzn-trace-id":"`+want+`"`)) {
			t.Errorf("trace %q, want %q there and in the event", c.Trace, want)
		}
	}
}

func TestMostSpecificRouteWins(t *testing.T) {
	g, calls := newGateway(t, Options{Routes: []Route{
		{Key: "$default", Function: "default"},
		{Key: "GET /api/{collection}/{id}", Function: "any-collection"},
		{Key: "ANY /api/concerts/{id}", Function: "any-method"},
		{Key: "GET /api/concerts/{id}", Function: "concert"},
		{Key: "GET /api/concerts/today", Function: "today"},
		{Key: "GET /api/{collection}/today", Function: "collection-today"},
	}}, `{"statusCode":200}`, nil)
	for _, c := range []struct{ method, path, want string }{
		{"GET", "/api/concerts/today", "today"},
		{"GET", "/api/concerts/c1", "concert"},
		{"PUT", "/api/concerts/c1", "any-method"},
		{"GET", "/api/orders/today", "collection-today"},
		{"GET", "/api/orders/o1", "any-collection"},
		{"POST", "/api/orders/o1", "default"},
		{"GET", "/api/concerts/", "default"},
		{"GET", "/api/concerts/c1/", "default"},
		{"GET", "/api/concerts", "default"},
		{"GET", "/", "default"},
		{"HEAD", "/api/orders/o1", "default"},
		{"GET", "/api/concerts/a%2Fb", "concert"},
	} {
		*calls = nil
		do(g, httptest.NewRequest(c.method, c.path, nil))
		if len(*calls) != 1 || (*calls)[0].function != c.want {
			t.Errorf("%s %s went to %v, want %s", c.method, c.path, *calls, c.want)
		}
	}
}

func TestMissingRouteIs404(t *testing.T) {
	g, _ := newGateway(t, Options{Routes: []Route{{Key: "GET /a", Function: "a"}}}, `{"statusCode":200}`, nil)
	r := do(g, httptest.NewRequest(http.MethodGet, "/b", nil))
	if body := r.Body.String(); r.Code != 404 || body != `{"message":"Not Found"}` {
		t.Errorf("%d %s", r.Code, body)
	}
}

func TestBadRoutesAreReportedTogether(t *testing.T) {
	_, err := New(Options{Routes: []Route{{Key: "nonsense"}, {Key: "GET /{all+}"}}})
	if err == nil || !strings.Contains(err.Error(), "nonsense") || !strings.Contains(err.Error(), "{all+}") {
		t.Errorf("error %v", err)
	}
	if _, err := New(Options{Routes: []Route{{Key: "GET /a", JWT: true}}}); err == nil {
		t.Error("a jwt route without an authorizer was accepted")
	}
}

func TestFunctionResponses(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		status       int
		body         string
		header       http.Header
	}{
		{"full", `{"statusCode":202,"headers":{"Location":"/api/orders/1","retry-after":2},"multiValueHeaders":{"X-A":["1","2"]},"cookies":["a=1; HttpOnly","b=2"],"body":"{}"}`,
			202, "{}", http.Header{"Location": {"/api/orders/1"}, "Retry-After": {"2"}, "X-A": {"1", "2"}, "Set-Cookie": {"a=1; HttpOnly", "b=2"}, "Content-Type": {"text/plain;charset=UTF-8"}}},
		{"aws-lambda-go's nulls", `{"statusCode":204,"headers":null,"multiValueHeaders":null,"body":"","cookies":null}`, 204, "", nil},
		{"base64", `{"statusCode":200,"body":"/w==","isBase64Encoded":true}`, 200, "\xff", nil},
		{"status as text", `{"statusCode":"201"}`, 201, "", nil},
		{"304 without its body", `{"statusCode":304,"headers":{"etag":"\"1\""},"body":"x"}`, 304, "", http.Header{"Etag": {`"1"`}}},
		{"no statusCode", `{"id":1}`, 200, `{"id":1}`, http.Header{"Content-Type": {"application/json"}}},
		{"plain text", `"hello"`, 200, `"hello"`, http.Header{"Content-Type": {"application/json"}}},
		{"length of the function's own", `{"statusCode":200,"headers":{"content-length":"99"},"body":"x"}`, 200, "x", nil},
		{"empty", ``, 500, `{"message":"Internal Server Error"}`, nil},
		{"no JSON", `{`, 500, `{"message":"Internal Server Error"}`, nil},
		{"status 99", `{"statusCode":99}`, 500, `{"message":"Internal Server Error"}`, nil},
		{"status 101", `{"statusCode":101}`, 500, `{"message":"Internal Server Error"}`, nil},
		{"status null", `{"statusCode":null}`, 500, `{"message":"Internal Server Error"}`, nil},
		{"body no text", `{"statusCode":200,"body":{}}`, 500, `{"message":"Internal Server Error"}`, nil},
		{"header no plain value", `{"statusCode":200,"headers":{"a":[1]}}`, 500, `{"message":"Internal Server Error"}`, nil},
		{"no base64", `{"statusCode":200,"body":"?","isBase64Encoded":true}`, 500, `{"message":"Internal Server Error"}`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, _ := newGateway(t, Options{}, c.answer, nil)
			server := httptest.NewServer(g)
			defer server.Close()
			r, err := http.Get(server.URL + "/")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = r.Body.Close() }()
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			if r.StatusCode != c.status || string(body) != c.body {
				t.Errorf("%d %q, want %d %q", r.StatusCode, body, c.status, c.body)
			}
			for name, want := range c.header {
				if got := r.Header[name]; !reflect.DeepEqual(got, want) {
					t.Errorf("header %s %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestFailuresOfTheFunction(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		body   string
	}{
		{&runtimeapi.FunctionError{Type: "errorString"}, 500, `{"message":"Internal Server Error"}`},
		{&runtimeapi.FunctionError{Type: runtimeapi.TypeExit}, 500, `{"message":"Internal Server Error"}`},
		{&runtimeapi.FunctionError{Type: runtimeapi.TypeTimeout}, 503, `{"message":"Service Unavailable"}`},
		{fmt.Errorf("%w: %w", runtimeapi.ErrNoFreeProcess, context.DeadlineExceeded), 503, `{"message":"Service Unavailable"}`},
		{runtimeapi.ErrStopping, 503, `{"message":"Service Unavailable"}`},
		{runtimeapi.ErrPayloadTooLarge, 413, `{"message":"Request Entity Too Large"}`},
		{errors.New("anything else"), 500, `{"message":"Internal Server Error"}`},
	} {
		g, _ := newGateway(t, Options{}, "", c.err)
		r := do(g, httptest.NewRequest(http.MethodGet, "/", nil))
		if body := r.Body.String(); r.Code != c.status || body != c.body || r.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%v: %d %s", c.err, r.Code, body)
		}
	}
}

func TestBodyOverTheLimitIsRefused(t *testing.T) {
	g, calls := newGateway(t, Options{}, `{"statusCode":200}`, nil)
	r := do(g, httptest.NewRequest(http.MethodPost, "/api/orders", bytes.NewReader(make([]byte, maxBody+1))))
	if body := r.Body.String(); r.Code != 413 || body != `{"message":"Request Entity Too Large"}` || len(*calls) != 0 {
		t.Errorf("%d %s, %d calls", r.Code, body, len(*calls))
	}
	r = do(g, httptest.NewRequest(http.MethodPost, "/api/orders", bytes.NewReader(make([]byte, maxBody))))
	if r.Code != 200 || len(*calls) != 1 {
		t.Errorf("at the limit: %d, %d calls", r.Code, len(*calls))
	}
}

func TestThrottle(t *testing.T) {
	g, calls := newGateway(t, Options{Throttle: NewThrottle(2, 3)}, `{"statusCode":200}`, nil)
	now := noon
	g.options.Now = func() time.Time { return now }
	get := func() int { return do(g, httptest.NewRequest(http.MethodGet, "/", nil)).Code }
	statuses := []int{get(), get(), get(), get()}
	now = now.Add(500 * time.Millisecond)
	statuses = append(statuses, get(), get())
	now = now.Add(time.Hour)
	statuses = append(statuses, get(), get(), get(), get())
	want := []int{200, 200, 200, 429, 200, 429, 200, 200, 200, 429}
	if !reflect.DeepEqual(statuses, want) || len(*calls) != 7 {
		t.Errorf("statuses %v, want %v; %d calls", statuses, want, len(*calls))
	}
	if body := do(g, httptest.NewRequest(http.MethodGet, "/", nil)).Body.String(); body != `{"message":"Too Many Requests"}` {
		t.Errorf("body %s", body)
	}
}
