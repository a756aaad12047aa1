package httpapi_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/pb33f/libopenapi"

	"boxoffice/contracts/openapi"
	"boxoffice/contracts/telemetry"
	"boxoffice/contracts/topology"
	"boxoffice/producers/internal/admission"
	"boxoffice/producers/internal/httpapi"
)

type thing struct {
	Name  string   `json:"name"`
	Seats []string `json:"seats"`
	Count *int     `json:"count"`
}

func request(body, contentType string) httpapi.Request {
	return httpapi.Request{APIGatewayV2HTTPRequest: events.APIGatewayV2HTTPRequest{Body: body, Headers: map[string]string{"content-type": contentType}}}
}

// problemOf returns the problem in an error, nil if there is none.
func problemOf(err error) *httpapi.Problem {
	var problem *httpapi.Problem
	errors.As(err, &problem)
	return problem
}

func TestDecode(t *testing.T) {
	for name, test := range map[string]struct {
		body, contentType string
		code, pointer     string
	}{
		"good":                            {body: `{"name":"a","seats":["b"]}`, contentType: "application/json"},
		"with charset":                    {body: `{}`, contentType: "application/json; charset=UTF-8"},
		"of exactly 8192 bytes":           {body: `{"name":"a"}` + strings.Repeat(" ", 8192-12), contentType: "application/json"},
		"of 8193 bytes":                   {body: `{"name":"a"}` + strings.Repeat(" ", 8193-12), contentType: "application/json", code: "body_too_large"},
		"too large and no JSON":           {body: strings.Repeat("x", 20000), contentType: "text/plain", code: "body_too_large"},
		"no type":                         {body: `{}`, code: "unsupported_media_type"},
		"another type":                    {body: `{}`, contentType: "application/xml", code: "unsupported_media_type"},
		"a type that begins alike":        {body: `{}`, contentType: "application/jsonp", code: "unsupported_media_type"},
		"another charset":                 {body: `{}`, contentType: "application/json; charset=latin1", code: "unsupported_media_type"},
		"an unknown member":               {body: `{"name":"a","x":1}`, contentType: "application/json", code: "invalid_json", pointer: "/x"},
		"a member in another case":        {body: `{"Name":"a"}`, contentType: "application/json", code: "invalid_json", pointer: "/Name"},
		"a member twice":                  {body: `{"name":"a","name":"b"}`, contentType: "application/json", code: "invalid_json", pointer: "/name"},
		"a member to be escaped":          {body: `{"a/b~c":1}`, contentType: "application/json", code: "invalid_json", pointer: "/a~1b~0c"},
		"another type of value":           {body: `{"seats":["b",1]}`, contentType: "application/json", code: "invalid_request", pointer: "/seats/1"},
		"another type of body":            {body: `"x"`, contentType: "application/json", code: "invalid_request"},
		"half of it":                      {body: `{"name":`, contentType: "application/json", code: "invalid_json", pointer: "/name"},
		"something behind it":             {body: `{} x`, contentType: "application/json", code: "invalid_json"},
		"bytes that are no UTF-8":         {body: "{\"name\":\"\xff\"}", contentType: "application/json", code: "invalid_json", pointer: "/name"},
		"a lone surrogate":                {body: `{"name":"\ud800"}`, contentType: "application/json", code: "invalid_json", pointer: "/name"},
		"nothing":                         {contentType: "application/json", code: "invalid_json"},
		"null":                            {body: `{"name":null}`, contentType: "application/json", code: "invalid_request", pointer: "/name"},
		"null in a list":                  {body: `{"seats":["b",null]}`, contentType: "application/json", code: "invalid_request", pointer: "/seats/1"},
		"null for a number":               {body: `{"count":null}`, contentType: "application/json", code: "invalid_request", pointer: "/count"},
		"null and nothing else":           {body: `null`, contentType: "application/json", code: "invalid_request"},
		"an unknown member of null":       {body: `{"x":null}`, contentType: "application/json", code: "invalid_json", pointer: "/x"},
		"the word null":                   {body: `{"name":"null"}`, contentType: "application/json"},
		"a number with a half":            {body: `{"count":2.5}`, contentType: "application/json", code: "invalid_request", pointer: "/count"},
		"a number in quotes":              {body: `{"count":"2"}`, contentType: "application/json", code: "invalid_request", pointer: "/count"},
		"a number beyond all":             {body: `{"count":1e999999999999}`, contentType: "application/json", code: "invalid_request", pointer: "/count"},
		"nested, and never closed":        {body: strings.Repeat("[", 8000), contentType: "application/json", code: "invalid_json", pointer: strings.Repeat("/0", 7999)},
		"nested beyond any meaning":       {body: strings.Repeat("[", 4000) + strings.Repeat("]", 4000), contentType: "application/json", code: "invalid_request"},
		"a wrong value, then half":        {body: `{"name":1,"seats":[`, contentType: "application/json", code: "invalid_json", pointer: "/seats"},
		"a wrong value, then twice":       {body: `{"name":1,"seats":[],"seats":[]}`, contentType: "application/json", code: "invalid_json", pointer: "/seats"},
		"a null, then half":               {body: `{"name":null`, contentType: "application/json", code: "invalid_json"},
		"a member twice, deep":            {body: `{"seats":[{"a":{"b":1,"\u0062":2}}]}`, contentType: "application/json", code: "invalid_json", pointer: "/seats/0/a/b"},
		"a mark of the byte order":        {body: "\ufeff{}", contentType: "application/json", code: "invalid_json"},
		"two objects":                     {body: `{}{}`, contentType: "application/json", code: "invalid_json"},
		"two objects, the first no thing": {body: `[] {}`, contentType: "application/json", code: "invalid_json"},
		"blanks":                          {body: " \n\t", contentType: "application/json", code: "invalid_json"},
		"a NUL behind it":                 {body: "{}\x00", contentType: "application/json", code: "invalid_json"},
		"another kind of JSON":            {body: `{'name':"a"}`, contentType: "application/json", code: "invalid_json"},
		"NaN":                             {body: `{"count":NaN}`, contentType: "application/json", code: "invalid_json", pointer: "/count"},
		"a number with a zero":            {body: `{"count":02}`, contentType: "application/json", code: "invalid_json"},
		"a type in capitals":              {body: `{}`, contentType: "Application/JSON; Charset=\"UTF-8\"; profile=x"},
		"a type twice":                    {body: `{}`, contentType: "application/json,application/json", code: "unsupported_media_type"},
		"a charset twice":                 {body: `{}`, contentType: "application/json; charset=utf-8; charset=latin1", code: "unsupported_media_type"},
		"8192 bytes of characters":        {body: `{"name":"` + strings.Repeat("é", 4090) + `"}`, contentType: "application/json", code: ""},
		"8193 bytes of characters":        {body: `{"name":"` + strings.Repeat("é", 4091) + `"}`, contentType: "application/json", code: "body_too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			var v thing
			problem := problemOf(request(test.body, test.contentType).Decode(&v))
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

// A whole number is one number in every spelling, and nothing is rounded to one.
func TestDecodeOfWholeNumbers(t *testing.T) {
	for text, want := range map[string]int{
		"2": 2, "2.0": 2, "2e0": 2, "2E+0": 2, "20e-1": 2, "0.2e1": 2, "2.000000000000000000000000": 2, "-2.0": -2, "0": 0, "-0.0": 0, "0e99": 0,
		"1e14": 100_000_000_000_000, "999999999999999": 999_999_999_999_999,
	} {
		var v thing
		if problem := request(`{"count":`+text+`}`, "application/json").Decode(&v); problem != nil || v.Count == nil || *v.Count != want {
			t.Errorf("%s: %v, %v", text, v.Count, problem)
		}
	}
	for _, text := range []string{"2.5", "2.0000000000000000000000001", "1e-1", "1e15", "1e400", "1e99999999999999999999", "9999999999999999", "true", `"2"`, "[2]"} {
		var v thing
		if problem := problemOf(request(`{"count":`+text+`}`, "application/json").Decode(&v)); problem == nil || problem.Code != "invalid_request" {
			t.Errorf("%s: %v, %v", text, v.Count, problem)
		}
	}
}

func TestDecodeOfBase64Body(t *testing.T) {
	r := request(base64.StdEncoding.EncodeToString([]byte(`{"name":"a"}`)), "application/json")
	r.IsBase64Encoded = true
	var v thing
	if problem := r.Decode(&v); problem != nil || v.Name != "a" {
		t.Errorf("got %+v, %v", v, problem)
	}
	r.Body = "!"
	if problem := problemOf(r.Decode(&v)); problem == nil || problem.Code != "invalid_json" {
		t.Errorf("got %v", problem)
	}
	// The bound applies to the bytes that were sent, not to their base64.
	for size, code := range map[int]string{8192: "", 8193: "body_too_large", 8194: "body_too_large", 20_000: "body_too_large"} {
		r.Body = base64.StdEncoding.EncodeToString([]byte(`{"name":"a"}` + strings.Repeat(" ", size-12)))
		if problem := problemOf(r.Decode(&v)); code == "" && problem != nil || code != "" && (problem == nil || problem.Code != code) {
			t.Errorf("%d bytes in base64: %v", size, problem)
		}
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
		problem := problemOf(r.Decode(&v))
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

func TestPanicIsInternalProblemWithoutCause(t *testing.T) {
	response := handle(t, map[string]httpapi.Handler{"GET /x": func(context.Context, httpapi.Request) (httpapi.Response, error) {
		panic("table arn:aws:secret")
	}}, "GET /x", "/x")
	if response.StatusCode != http.StatusInternalServerError || response.Headers["Content-Type"] != "application/problem+json" || strings.Contains(response.Body, "secret") {
		t.Errorf("got %d %s", response.StatusCode, response.Body)
	}
}

// An error that is no problem is answered 500. Its text is logged and not sent.
func TestOtherErrorIsInternalAndLogged(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		status int
		code   string
		logged bool
	}{
		"an error":            {errors.New("table arn:aws:secret"), 500, "internal", true},
		"a problem":           {httpapi.NewProblem(httpapi.CodeSeatTaken, "d"), 409, "seat_taken", false},
		"a wrapped problem":   {fmt.Errorf("secret: %w", httpapi.NewProblem(httpapi.CodeSeatTaken, "d")), 409, "seat_taken", false},
		"a refusal":           {&admission.Refusal{Code: admission.CodeNoSeats, Detail: "d"}, 422, "no_seats", false},
		"a refusal with pace": {admission.CheckQueue(time.Hour), 503, "queue_full", false},
	} {
		var log strings.Builder
		router := httpapi.NewRouter(map[string]httpapi.Handler{"GET /x": func(context.Context, httpapi.Request) (httpapi.Response, error) {
			return httpapi.Response{}, test.err
		}}, slog.New(slog.NewJSONHandler(&log, nil)), time.Now)
		response, err := router.Handle(t.Context(), events.APIGatewayV2HTTPRequest{RouteKey: "GET /x", RawPath: "/x"})
		var body struct{ Code, Instance string }
		if err != nil || json.Unmarshal([]byte(response.Body), &body) != nil || response.StatusCode != test.status || body.Code != test.code || body.Instance != "/x" {
			t.Errorf("%s: got %d %s, %v", name, response.StatusCode, response.Body, err)
		}
		if strings.Contains(response.Body, "secret") || strings.Contains(log.String(), "secret") != test.logged || !strings.Contains(log.String(), `"code":"`+test.code+`"`) {
			t.Errorf("%s: answered %s, logged %s", name, response.Body, log.String())
		}
		wait := ""
		if test.status == 503 {
			wait = "15"
		}
		if response.Headers["Retry-After"] != wait {
			t.Errorf("%s: Retry-After is %q", name, response.Headers["Retry-After"])
		}
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
		"/api/orders": {405, "POST"}, "/api/orders/x": {405, "DELETE, GET, HEAD"}, "/api/concerts": {405, "GET, HEAD"},
		"/api/orders/": {404, ""}, "/api/orders/x/y": {404, ""}, "/": {404, ""}, "": {404, ""}, "/api/concerts/x/layout": {405, "GET, HEAD"},
	} {
		got := handle(t, routes, topology.DefaultRoute, path)
		if got.StatusCode != want.status || got.Headers["Allow"] != want.allow {
			t.Errorf("%s: got %d, Allow %q, want %d, %q", path, got.StatusCode, got.Headers["Allow"], want.status, want.allow)
		}
	}
}

// The gateway sends paths decoded: /api%2forders comes as /api/orders, without its route. That is no wrong method.
func TestFallbackAllowsNoMethodThatWasUsed(t *testing.T) {
	fallback := httpapi.Fallback([]string{"POST /api/orders", "GET /api/concerts"})
	for method, want := range map[string]string{http.MethodPost: "not_found", http.MethodGet: "method_not_allowed", "post": "method_not_allowed"} {
		var r httpapi.Request
		r.RawPath, r.RequestContext.HTTP.Method = "/api/orders", method
		_, err := fallback(t.Context(), r)
		if p := problemOf(err); p == nil || p.Code != want {
			t.Errorf("%s: %v, want %s", method, err, want)
		}
	}
}

func TestUnavailableHasRetryAfter(t *testing.T) {
	got := httpapi.NewProblem(httpapi.CodeUnavailable, "d").Response("/p")
	var body struct {
		PollAfterMs int    `json:"pollAfterMs"`
		Instance    string `json:"instance"`
	}
	if err := json.Unmarshal([]byte(got.Body), &body); err != nil || got.Headers["Retry-After"] != "1" || body.PollAfterMs != 1000 || body.Instance != "/p" {
		t.Errorf("got %v %s, %v", got.Headers, got.Body, err)
	}
}

func TestUnauthorizedHasWWWAuthenticate(t *testing.T) {
	for code, want := range map[string]string{httpapi.CodeUnauthorized: "Bearer", httpapi.CodeOrderNotFound: ""} {
		if got := httpapi.NewProblem(code, "d").Response("/p").Headers["WWW-Authenticate"]; got != want {
			t.Errorf("%s: WWW-Authenticate %q", code, got)
		}
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
	N int    `json:"n"`
	S string `json:"s"`
}

// A cursor is accepted for the list that it was made for, unchanged, and otherwise refused.
func TestCursorIsAcceptedForItsListOnly(t *testing.T) {
	list := httpapi.Cursors[cursor]{List: "concerts city=paris"}
	if k, err := list.Of(nil); err != nil || k != (cursor{}) {
		t.Errorf("no cursor: %v, %v", k, err)
	}
	text := list.Encode(cursor{N: 7, S: "nocturne-2030"})
	if k, err := list.Of(map[string]string{"cursor": text}); err != nil || k.N != 7 || k.S != "nocturne-2030" {
		t.Errorf("ours: %v, %v", k, err)
	}
	bad := []string{
		"", "x", text + "A", text + "=", " " + text, text[1:], text[:len(text)-1], strings.ToUpper(text), text + text, "e30", "null",
		base64.RawURLEncoding.EncodeToString([]byte(`{"n":7,"s":"nocturne-2030"}`)), list.Encode(cursor{}),
		httpapi.Cursors[cursor]{List: "concerts city=rome"}.Encode(cursor{N: 7}), httpapi.Cursors[cursor]{}.Encode(cursor{N: 7}),
	}
	// One character changed, anywhere.
	for i := range text {
		for _, c := range "Aa0-" {
			if changed := text[:i] + string(c) + text[i+1:]; changed != text {
				bad = append(bad, changed)
			}
		}
	}
	for _, text := range bad {
		if k, err := list.Of(map[string]string{"cursor": text}); problemOf(err) == nil || problemOf(err).Code != "invalid_cursor" {
			t.Errorf("%q: got %v, %v", text, k, err)
		}
	}
}

func TestQuery(t *testing.T) {
	for raw, want := range map[string]string{
		"": "", "q=a": "a", "q=a%20b": "a b", "q=a+b": "a b", "q=": "", "q": "", "q=%C3%A9": "é",
		"q=a&q=b": "invalid_filter", "q=%zz": "invalid_filter", "q=%": "invalid_filter", "q=a;b": "invalid_filter", "q=%ff": "invalid_filter",
		"x=1": "invalid_filter", "Q=a": "invalid_filter", "q=a&x=": "invalid_filter",
	} {
		r := httpapi.Request{APIGatewayV2HTTPRequest: events.APIGatewayV2HTTPRequest{RawQueryString: raw}}
		query, err := r.Query("q", "limit")
		got := query["q"]
		if problem := problemOf(err); problem != nil {
			got = problem.Code
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", raw, got, want)
		}
	}
}

// A route without parameters refuses every query string, so that each answer has one address.
func TestRouteWithoutParametersRefusesQuery(t *testing.T) {
	for raw, refused := range map[string]bool{"": false, "&": true, "=": true, "x": true, "x=1": true, "%zz": true} {
		r := httpapi.Request{APIGatewayV2HTTPRequest: events.APIGatewayV2HTTPRequest{RawQueryString: raw}}
		if _, err := r.Query(); (err != nil) != refused || refused && problemOf(err).Code != "invalid_filter" {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

// HEAD is GET without its body, whatever the answer is.
func TestHeadIsGetWithoutBody(t *testing.T) {
	routes := map[string]httpapi.Handler{"GET /x": func(_ context.Context, r httpapi.Request) (httpapi.Response, error) {
		if r.RawPath == "/bad" {
			return httpapi.Response{}, httpapi.NewProblem(httpapi.CodeConcertNotFound, "d")
		}
		return httpapi.JSON(http.StatusOK, "body", httpapi.Headers{"ETag": `"t"`}), nil
	}}
	router := httpapi.NewRouter(routes, slog.New(slog.DiscardHandler), time.Now)
	for path, status := range map[string]int{"/x": 200, "/bad": 404} {
		event := events.APIGatewayV2HTTPRequest{RouteKey: "HEAD /x", RawPath: path}
		event.RequestContext.HTTP.Method = http.MethodHead
		response, err := router.Handle(t.Context(), event)
		if err != nil || response.StatusCode != status || response.Body != "" || (status == 200) != (response.Headers["ETag"] != "") {
			t.Errorf("%s: %+v, %v", path, response, err)
		}
	}
}

// Whatever else a client writes into the trace header reaches no log and no message.
func TestTraceDropsWhatClientsAdd(t *testing.T) {
	const good = "Root=1-67891233-abcdef012345678912345678"
	for header, want := range map[string]string{
		good: good, good + ";Parent=53995c3f42cd8ad8;Sampled=1": good, good + ";anna@example.org": good,
		"": "", good[:len(good)-1]: "", good + "0": "", "root" + good[4:]: "", "anna@example.org": "", "Self=1;" + good: "",
		strings.Repeat("x", 8000): "", "Root=1-ABCDEF01-abcdef012345678912345678": "",
	} {
		var logged strings.Builder
		seen := ""
		routes := map[string]httpapi.Handler{"GET /x": func(ctx context.Context, _ httpapi.Request) (httpapi.Response, error) {
			seen = telemetry.Trace(ctx)
			return httpapi.JSON(http.StatusOK, "", nil), nil
		}}
		router := httpapi.NewRouter(routes, slog.New(slog.NewJSONHandler(&logged, nil)), func() time.Time { return time.Unix(0x67891233, 0) })
		event := events.APIGatewayV2HTTPRequest{RouteKey: "GET /x", Headers: map[string]string{"x-amzn-trace-id": header}}
		event.RequestContext.RequestID = "request-1"
		if _, err := router.Handle(t.Context(), event); err != nil {
			t.Fatal(err)
		}
		if want == "" {
			if !regexp.MustCompile(`^Root=1-67891233-[0-9a-f]{24}$`).MatchString(seen) {
				t.Errorf("%.60q: trace %q is not a new one", header, seen)
			}
		} else if seen != want {
			t.Errorf("%.60q: trace %q, want %q", header, seen, want)
		}
		if !strings.Contains(logged.String(), `"requestId":"request-1"`) || strings.Contains(logged.String(), "example") || !strings.Contains(logged.String(), seen) {
			t.Errorf("%.60q: logged %s", header, logged.String())
		}
	}
}

func TestInstanceIsAURIReference(t *testing.T) {
	for path, want := range map[string]string{
		"/api/orders/x": "/api/orders/x", "/a b": "/a%20b", "/é": "/%C3%A9", "//evil.example/x": "/evil.example/x", "": "", "/a%2Fb": "/a%252Fb",
		"/a?b#c": "/a%3Fb%23c", "/\"<>": "/%22%3C%3E", "/\x00": "/%00",
	} {
		var body struct {
			Instance string `json:"instance"`
		}
		response := httpapi.NewProblem(httpapi.CodeNotFound, "d").Response(path)
		if err := json.Unmarshal([]byte(response.Body), &body); err != nil || body.Instance != want {
			t.Errorf("%q: %q, %v; want %q", path, body.Instance, err, want)
		}
	}
}

// A user whose id no message can carry is refused.
func TestUserIDIsOneThatMessagesCarry(t *testing.T) {
	for sub, want := range map[string]string{
		"anna": "anna", "": "", "anna b": "", "änna": "", strings.Repeat("u", 128): strings.Repeat("u", 128), strings.Repeat("u", 129): "", "a\n": "",
	} {
		var r httpapi.Request
		r.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: map[string]string{"sub": sub}}}
		if got := r.UserID(); got != want {
			t.Errorf("%q: %q", sub, got)
		}
	}
}

// Another kind of token that the issuer may sign one day, such as an id token, gives no access.
func TestOnlyAnAccessTokenNamesAUser(t *testing.T) {
	for header, want := range map[string]string{
		`{"alg":"RS256","typ":"at+jwt","kid":"k"}`: "anna", `{"typ":"AT+JWT"}`: "anna", `{"typ":"application/at+jwt"}`: "anna",
		`{"alg":"RS256","typ":"JWT"}`: "", `{"alg":"RS256"}`: "", `{"typ":7}`: "", `none`: "",
	} {
		for _, scheme := range []string{"", "Bearer ", "bearer  "} {
			r := httpapi.Request{APIGatewayV2HTTPRequest: events.APIGatewayV2HTTPRequest{Headers: map[string]string{
				"authorization": scheme + base64.RawURLEncoding.EncodeToString([]byte(header)) + ".e30.c2ln",
			}}}
			r.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
				JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: map[string]string{"sub": "anna"}},
			}
			if got := r.UserID(); got != want {
				t.Errorf("%s%s: %q, want %q", scheme, header, got, want)
			}
		}
	}
}

// The examples of problems in the contract have the title and the status of their code.
func TestExamplesOfProblemsAreOurs(t *testing.T) {
	document, err := libopenapi.NewDocument(openapi.YAML)
	if err != nil {
		t.Fatal(err)
	}
	var contract any
	if err := json.Unmarshal(*document.GetSpecInfo().GetSpecJSONBytes(), &contract); err != nil {
		t.Fatal(err)
	}
	checked := 0
	var walk func(any)
	walk = func(value any) {
		switch v := value.(type) {
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		case map[string]any:
			code, isProblem := v["code"].(string)
			if _, titled := v["title"].(string); isProblem && titled {
				checked++
				if p := httpapi.NewProblem(code, ""); p.Title != v["title"] || float64(p.Status) != v["status"] {
					t.Errorf("the example of %s has %v and %v, want %s and %d", code, v["title"], v["status"], p.Title, p.Status)
				}
			}
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(contract)
	if checked < 20 {
		t.Errorf("only %d examples were found", checked)
	}
}
