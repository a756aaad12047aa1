package e2e

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// checkNothingEnqueued checks that no order of the user passed through a seat's group: another buyer's order in that group,
// enqueued later, is decided, and the user has no row.
func (s *stack) checkNothingEnqueued(t *testing.T, user, seat string) {
	t.Helper()
	ben := s.signedIn(t, testbed.Named("ben"))
	// Only the user's requests wanted this seat, so it must be free.
	accepted := s.place(t, ben, "marker", seat)
	wantStatus(t, s.waitDecided(t, ben, accepted.OrderID), contracts.AwaitingPayment)
	if rows := s.rowsOf(t, user); len(rows) > 0 {
		t.Errorf("%d orders were enqueued: %+v", len(rows), rows)
	}
}

func TestBadInputIsRefused(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	user := testbed.Named("clumsy")
	c := s.signedIn(t, user)
	seats := s.takeSeats(t, 3)
	g, _ := s.groupOf(t, seats[0])
	elsewhere := ""
	for _, other := range s.layout.Groups {
		if other.Group != g.Group {
			elsewhere = other.Seats[0]
		}
	}
	order := func(seats ...string) string {
		body, err := json.Marshal(apiclient.OrderRequest{ConcertID: s.Concert, Seats: seats})
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	fifty := make([]string, 50)
	for i := range fifty {
		fifty[i] = g.Seats[i%len(g.Seats)]
	}
	good := order(seats[0])
	for name, test := range map[string]struct {
		body    string
		headers map[string]string
		status  int
		code    string
		pointer string
		seats   []string
	}{
		"unknown seat":             {body: order(seats[0], "Z-99-99"), status: 422, code: "unknown_seat", seats: []string{"Z-99-99"}},
		"seats of two groups":      {body: order(seats[0], elsewhere), status: 422, code: "seats_span_groups", seats: []string{elsewhere}},
		"no seats":                 {body: `{"concertId":"` + s.Concert + `","seats":[]}`, status: 422, code: "no_seats"},
		"fifty seats":              {body: order(fifty...), status: 422, code: "too_many_seats"},
		"the same seat twice":      {body: order(seats[0], seats[0]), status: 422, code: "duplicate_seat", seats: seats[:1]},
		"an unknown member":        {body: `{"concertId":"` + s.Concert + `","seats":["` + seats[0] + `"],"price":1}`, status: 400, code: "invalid_json", pointer: "/price"},
		"a member twice":           {body: `{"concertId":"` + s.Concert + `","concertId":"x","seats":["` + seats[0] + `"]}`, status: 400, code: "invalid_json", pointer: "/concertId"},
		"concertId missing":        {body: `{"seats":["` + seats[0] + `"]}`, status: 400, code: "invalid_request", pointer: "/concertId"},
		"seats missing":            {body: `{"concertId":"` + s.Concert + `"}`, status: 400, code: "invalid_request", pointer: "/seats"},
		"seats null":               {body: `{"concertId":"` + s.Concert + `","seats":null}`, status: 400, code: "invalid_request", pointer: "/seats"},
		"a seat that is a number":  {body: `{"concertId":"` + s.Concert + `","seats":[1]}`, status: 400, code: "invalid_request", pointer: "/seats/0"},
		"no object":                {body: `[]`, status: 400, code: "invalid_request"},
		"null":                     {body: `null`, status: 400, code: "invalid_request"},
		"no JSON":                  {body: `concertId=1`, status: 400, code: "invalid_json"},
		"half a JSON":              {body: good[:len(good)-1], status: 400, code: "invalid_json"},
		"two values":               {body: good + good, status: 400, code: "invalid_json"},
		"a wrong value, then half": {body: `{"concertId":1,"seats":["`, status: 400, code: "invalid_json", pointer: "/seats/0"},
		"a member twice, deep":     {body: `{"concertId":"` + s.Concert + `","bestAvailable":{"quantity":1,"quantit\u0079":2}}`, status: 400, code: "invalid_json", pointer: "/bestAvailable/quantity"},
		"an empty section":         {body: `{"concertId":"` + s.Concert + `","bestAvailable":{"section":"","quantity":1}}`, status: 400, code: "invalid_request", pointer: "/bestAvailable/section"},
		"a number beyond all":      {body: `{"concertId":"` + s.Concert + `","bestAvailable":{"quantity":1e400}}`, status: 400, code: "invalid_request", pointer: "/bestAvailable/quantity"},
		"a mark of the byte order": {body: "\ufeff" + good, status: 400, code: "invalid_json"},
		"half of a character":      {body: `{"concertId":"` + s.Concert + `","seats":["\ud83d"]}`, status: 400, code: "invalid_json", pointer: "/seats/0"},
		"8196 bytes of characters": {body: `{"concertId":"` + strings.Repeat("é", 4090) + `"}`, status: 413, code: "body_too_large"},
		"no body":                  {body: ``, status: 400, code: "invalid_json"},
		"no UTF-8":                 {body: "{\"concertId\":\"\xff\",\"seats\":[]}", status: 400, code: "invalid_json", pointer: "/concertId"},
		"wrong content type":       {body: good, headers: map[string]string{"Content-Type": "text/plain"}, status: 415, code: "unsupported_media_type"},
		"no content type":          {body: good, headers: map[string]string{"Content-Type": ""}, status: 415, code: "unsupported_media_type"},
		"another charset":          {body: good, headers: map[string]string{"Content-Type": "application/json; charset=latin1"}, status: 415, code: "unsupported_media_type"},
		"a body that is too large": {body: good + strings.Repeat(" ", 8192), status: 413, code: "body_too_large"},
		"no Idempotency-Key":       {body: good, headers: map[string]string{"Idempotency-Key": ""}, status: 400, code: "idempotency_key_missing"},
		"a key of 65 characters":   {body: good, headers: map[string]string{"Idempotency-Key": strings.Repeat("k", 65)}, status: 400, code: "idempotency_key_invalid"},
		"a key with a space":       {body: good, headers: map[string]string{"Idempotency-Key": "a b"}, status: 400, code: "idempotency_key_invalid"},
		"an unknown concert":       {body: `{"concertId":"nothing","seats":["` + seats[0] + `"]}`, status: 404, code: "concert_not_found", pointer: "/concertId"},
		"an empty concert":         {body: `{"concertId":"","seats":["` + seats[0] + `"]}`, status: 404, code: "concert_not_found", pointer: "/concertId"},
		"a sale that is not open":  {body: `{"concertId":"` + s.concertWithStatus(t, "scheduled") + `","seats":["` + seats[0] + `"]}`, status: 422, code: "sale_not_open"},
		"a sale that is over":      {body: `{"concertId":"` + s.concertWithStatus(t, "over") + `","seats":["` + seats[0] + `"]}`, status: 422, code: "sale_over"},
	} {
		t.Run(name, func(t *testing.T) {
			headers := map[string]string{"Content-Type": "application/json", "Idempotency-Key": "key-1"}
			for name, value := range test.headers {
				headers[name] = value
				if value == "" {
					delete(headers, name)
				}
			}
			answer, err := c.Do(t.Context(), http.MethodPost, "/orders", []byte(test.body), headers)
			if err != nil {
				t.Fatal(err)
			}
			p := answer.Problem()
			if answer.Status != test.status || p.Code != test.code || p.Pointer != test.pointer || !slices.Equal(p.Seats, test.seats) {
				t.Errorf("got %d %+v", answer.Status, p)
			}
			if got := answer.Header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("Content-Type is %s", got)
			}
		})
	}
	s.checkNothingEnqueued(t, user, seats[0])
}

// concertWithStatus returns a concert of the catalogue with this sale status.
func (s *stack) concertWithStatus(t *testing.T, status string) string {
	t.Helper()
	var list struct{ Concerts []apiclient.Concert }
	if err := s.withToken(t, "").Get(t.Context(), "/concerts?limit=100", &list); err != nil {
		t.Fatal(err)
	}
	for _, concert := range list.Concerts {
		if concert.Status == status {
			return concert.ID
		}
	}
	t.Fatalf("no concert of the catalogue is %s", status)
	return ""
}

func TestUnknownRoutesAreRefused(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	c := s.withToken(t, "")
	signedIn := s.signedIn(t, testbed.Named("anna"))
	c.Seen, signedIn.Seen = nil, nil // these responses belong to no route of the contract
	for _, test := range []struct {
		method, path string
		status       int
		code, allow  string
	}{
		{"GET", "/nothing", 404, "not_found", ""},
		{"GET", "/concerts/", 404, "not_found", ""},
		{"GET", "/orders", 405, "method_not_allowed", "POST"},
		{"PUT", "/concerts", 405, "method_not_allowed", "GET, HEAD"},
		{"POST", "/orders/abc", 405, "method_not_allowed", "DELETE, GET, HEAD"},
		{"OPTIONS", "/orders", 405, "method_not_allowed", "POST"},
		{"OPTIONS", "/orders/abc", 405, "method_not_allowed", "DELETE, GET, HEAD"},
		{"PATCH", "/concerts/" + s.Concert + "/layout", 405, "method_not_allowed", "GET, HEAD"},
		{"DELETE", "/concerts/" + s.Concert + "/availability", 405, "method_not_allowed", "GET, HEAD"},
		{"GET", "/webhooks/stripe", 405, "method_not_allowed", "POST"},
		{"GET", "/auth/signup", 405, "method_not_allowed", "POST"},
		{"PUT", "/auth/login", 405, "method_not_allowed", "POST"},
		{"GET", "/auth/refresh", 405, "method_not_allowed", "POST"},
		{"DELETE", "/auth/logout", 405, "method_not_allowed", "POST"},
		{"GET", "/auth/confirm", 405, "method_not_allowed", "POST"},
		{"GET", "/auth/confirmations", 405, "method_not_allowed", "POST"},
		{"PATCH", "/auth/password-resets", 405, "method_not_allowed", "POST"},
		{"PUT", "/auth/password", 405, "method_not_allowed", "POST"},
		{"PUT", "/me", 405, "method_not_allowed", "GET, HEAD, PATCH"},
		{"DELETE", "/me", 405, "method_not_allowed", "GET, HEAD, PATCH"},
		{"POST", "/auth", 404, "not_found", ""},
		{"POST", "/auth/login/", 404, "not_found", ""},
		{"get", "/concerts", 405, "method_not_allowed", "GET, HEAD"},
		{"HEAD", "/orders", 405, "", "POST"},
		{"HEAD", "/nothing", 404, "", ""},
		{"GET", "/API/concerts", 404, "not_found", ""},
		{"GET", "/concerts//" + s.Concert, 404, "not_found", ""},
		{"GET", "/concerts/" + s.Concert + "/", 404, "not_found", ""},
	} {
		// The response is the same with and without a token.
		for _, c := range []*apiclient.Client{c, signedIn} {
			answer, err := c.Do(t.Context(), test.method, test.path, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			code := ""
			if len(answer.Body) > 0 {
				code = answer.Problem().Code
			}
			if answer.Status != test.status || code != test.code || answer.Header.Get("Allow") != test.allow || answer.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s %s: got %d %s, Allow %q", test.method, test.path, answer.Status, answer.Body, answer.Header.Get("Allow"))
			}
		}
	}
}
