package contractcheck

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
)

// exchange is a request and the response to it. Cases change one part of a good one.
type exchange struct {
	method, path, sent string
	request            http.Header
	status             int
	response           http.Header
	body               string
}

const (
	noOrder  = `{"type":"about:blank","title":"No such order","status":404,"code":"order_not_found","detail":"You have no such order.","instance":"/api/orders/x"}`
	accepted = `{"orderId":"e1","status":"QUEUED","version":0,"pollAfterMs":2000}`
)

func placed() exchange {
	return exchange{
		method: http.MethodPost, path: "/api/orders", sent: `{"concertId":"c","seats":["A-1-1"]}`,
		request: http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {"k"}, "Authorization": {"Bearer x"}},
		status:  http.StatusAccepted,
		response: http.Header{"Content-Type": {"application/json"}, "Cache-Control": {"no-store"}, "Location": {"/api/orders/e1"}, "Retry-After": {"2"},
			"X-Frame-Options": {"DENY"}, "Date": {"x"}},
		body: accepted,
	}
}

func (e exchange) problems(t *testing.T, c *Checker) []string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), e.method, "http://127.0.0.1:8080"+e.path, bytes.NewReader([]byte(e.sent)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = e.request
	if e.request == nil {
		request.Header = http.Header{}
	}
	return c.Exchange(request, &http.Response{StatusCode: e.status, Header: e.response, Request: request}, []byte(e.body))
}

func TestExchangesThatViolateTheContract(t *testing.T) {
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	if problems := placed().problems(t, c); len(problems) > 0 {
		t.Fatalf("a good exchange: %q", problems)
	}
	header := func(name, value string) func(*exchange) {
		return func(e *exchange) {
			e.response.Set(name, value)
			if value == "" {
				e.response.Del(name)
			}
		}
	}
	for name, test := range map[string]struct {
		change func(*exchange)
		says   string
	}{
		"a member of the body that is not described": {func(e *exchange) { e.body = strings.Replace(accepted, "{", `{"more":1,`, 1) }, "more"},
		"a member of another type":                   {func(e *exchange) { e.body = strings.Replace(accepted, "2000", `"2000"`, 1) }, "pollAfterMs"},
		"a member missing":                           {func(e *exchange) { e.body = strings.Replace(accepted, `,"version":0`, "", 1) }, "version"},
		"an unknown status of an order":              {func(e *exchange) { e.body = strings.Replace(accepted, "QUEUED", "LOST", 1) }, "status"},
		"no JSON":                                    {func(e *exchange) { e.body = "{" }, ""},
		"no body":                                    {func(e *exchange) { e.body = "" }, "there is none"},
		"a status that is not described":             {func(e *exchange) { e.status = http.StatusTeapot }, "418"},
		"success that is not described":              {func(e *exchange) { e.status = http.StatusOK }, "200"},
		"a body where none is described": {func(e *exchange) {
			e.method, e.path, e.status = http.MethodPost, "/api/auth/logout", http.StatusNoContent
			e.response.Set("Set-Cookie", "x")
		}, "no body"},
		"a media type that is not described":           {header("Content-Type", "text/html"), "text/html"},
		"a header that is not described":               {header("X-Debug", "1"), "X-Debug"},
		"a cookie that is not described":               {header("Set-Cookie", "a=b"), "Set-Cookie"},
		"a cache policy that is not described":         {header("Cache-Control", "public, max-age=60"), "Cache-Control"},
		"a header missing":                             {header("Location", ""), "Location"},
		"a header of another form":                     {header("Retry-After", "soon"), "retry-after"},
		"a request without a needed header, accepted":  {func(e *exchange) { e.request.Del("Idempotency-Key") }, "Idempotency-Key"},
		"a request with an unknown member, accepted":   {func(e *exchange) { e.sent = `{"concertId":"c","seats":["A-1-1"],"price":1}` }, "price"},
		"a request with both alternatives, accepted":   {func(e *exchange) { e.sent = `{"concertId":"c","seats":["A"],"bestAvailable":{"quantity":1}}` }, "oneOf"},
		"a request without a body, accepted":           {func(e *exchange) { e.sent = "" }, ""},
		"a request of another media type, accepted":    {func(e *exchange) { e.request.Set("Content-Type", "text/plain") }, "text/plain"},
		"a route that is not described, answered":      {func(e *exchange) { e.path, e.status = "/api/prices", http.StatusOK }, "/api/prices"},
		"a method that is not described, answered":     {func(e *exchange) { e.method, e.status = http.MethodPut, http.StatusOK }, "PUT"},
		"a route that is not described, not permitted": {func(e *exchange) { e.path, e.status = "/api/prices", http.StatusForbidden }, "/api/prices"},
	} {
		t.Run(name, func(t *testing.T) {
			e := placed()
			test.change(&e)
			problems := e.problems(t, c)
			if len(problems) == 0 || !strings.Contains(strings.Join(problems, "\n"), test.says) {
				t.Errorf("problems %q, want one about %q", problems, test.says)
			}
		})
	}
}

func TestExchangesThatTheContractAllows(t *testing.T) {
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	problem := http.Header{"Content-Type": {"application/problem+json"}, "Cache-Control": {"no-store"}}
	for name, e := range map[string]exchange{
		"a refusal of a bad request": {method: http.MethodPost, path: "/api/orders", sent: "no JSON", status: 400, response: problem,
			body: `{"type":"about:blank","title":"Invalid JSON","status":400,"code":"invalid_json","detail":"x","instance":"/api/orders"}`},
		"an unknown order": {method: http.MethodGet, path: "/api/orders/x", status: 404, response: problem, body: noOrder},
		"an unknown route": {method: http.MethodGet, path: "/api/nothing", status: 404, response: problem, body: noOrder},
		"another method":   {method: http.MethodPut, path: "/api/orders", status: 405, response: http.Header{"Allow": {"POST"}}},
		"HEAD of a route":  {method: http.MethodHead, path: "/api/concerts/x", status: 200, response: http.Header{"Etag": {`W/"a"`}, "Cache-Control": {"public, max-age=10"}, "Age": {"1"}}},
		"nothing has changed": {method: http.MethodGet, path: "/api/concerts/x/availability", request: http.Header{"If-None-Match": {`W/"a"`}}, status: 304,
			response: http.Header{"Etag": {`W/"a"`}, "Cache-Control": {"public, max-age=1"}}},
		"no content": {method: http.MethodPost, path: "/api/auth/logout", status: 204, response: http.Header{"Set-Cookie": {"a=; Max-Age=0"}, "Cache-Control": {"no-store"}}},
	} {
		if problems := e.problems(t, c); len(problems) > 0 {
			t.Errorf("%s: %q", name, problems)
		}
	}
	seen := c.Seen()
	if seen[Response{"getOrder", 404}] != 1 || seen[Response{"getAvailability", 304}] != 1 || len(seen) != 4 {
		t.Errorf("seen %v", seen)
	}
}

// Each response of the contract has a status, not a range, so that what was seen can be compared with it.
func TestEveryResponseOfTheContractIsCounted(t *testing.T) {
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	described := 0
	for _, item := range c.document.Paths.PathItems.FromOldest() {
		for _, operation := range item.GetOperations().FromOldest() {
			described += operation.Responses.Codes.Len()
			if operation.OperationId == "" || operation.Responses.Default != nil {
				t.Errorf("%q has no id, or a default", operation.Summary)
			}
		}
	}
	if all := c.All(); len(all) != described || described == 0 {
		t.Errorf("%d of %d responses are counted", len(all), described)
	}
}
