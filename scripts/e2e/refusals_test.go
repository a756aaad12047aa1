package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"boxoffice/scripts/internal/testbed"
)

// Each route with a body refuses what is no JSON, too large, of another media type, or without the token that it needs, each with
// its own status and code.
func TestEachRouteRefusesBadBodies(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	examples, err := s.contract.RequestExamples()
	if err != nil {
		t.Fatal(err)
	}
	account := s.newAccount(t, "clumsy")
	for _, e := range examples {
		if strings.Contains(e.Path, "{") || strings.HasPrefix(e.Path, "/api/webhooks/") {
			continue // these need a resource or a signature; the webhook's own test sends both
		}
		t.Run(e.Operation+" "+e.Name, func(t *testing.T) {
			send := func(token, body, mediaType string, status int, code string) {
				t.Helper()
				c := s.withToken(t, token)
				answer, err := c.Do(t.Context(), e.Method, strings.TrimPrefix(e.Path, "/api"), []byte(body), map[string]string{
					"Content-Type": mediaType, "Idempotency-Key": "key-1", "Origin": strings.TrimSuffix(s.API, "/api"),
				})
				if err != nil || answer.Status != status || answer.Problem().Code != code {
					t.Errorf("%.20q as %s returned %d %s, %v; want %d %s", body, mediaType, answer.Status, answer.Body, err, status, code)
				}
			}
			send(account.Token, string(e.Body[:len(e.Body)-1]), "application/json", http.StatusBadRequest, "invalid_json")
			send(account.Token, `{"notInTheContract":1,`+string(e.Body[1:]), "application/json", http.StatusBadRequest, "invalid_json")
			send(account.Token, string(e.Body)+strings.Repeat(" ", 8192), "application/json", http.StatusRequestEntityTooLarge, "body_too_large")
			send(account.Token, string(e.Body), "text/plain", http.StatusUnsupportedMediaType, "unsupported_media_type")
			if e.Token {
				send("", string(e.Body), "application/json", http.StatusUnauthorized, "")
			}
		})
	}
}

// newAccount signs up a person whose address begins with name.
func (s *stack) newAccount(t *testing.T, name string) *person {
	t.Helper()
	p := &person{Client: s.withToken(t, ""), stack: s}
	p.signIn(t, p.send(t, http.MethodPost, "/auth/signup", signupOf(strings.ToLower(testbed.Named(name))+"@example.com", "korrekt pferd batterie"), http.StatusCreated))
	return p
}

func signupOf(mail, password string) string {
	return fmt.Sprintf(`{"email":%q,"password":%q,"name":"Anna Berg"}`, mail, password)
}

// What accounts refuse beside bad bodies.
func TestAccountsRefuse(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	mail := strings.ToLower(testbed.Named("taken")) + "@example.com"
	p := &person{Client: s.withToken(t, ""), stack: s}
	p.signIn(t, p.send(t, http.MethodPost, "/auth/signup", signupOf(mail, "korrekt pferd batterie"), http.StatusCreated))
	p.send(t, http.MethodGet, "/me", "", http.StatusOK)
	p.send(t, http.MethodPost, "/auth/confirmations", "", http.StatusAccepted)
	p.send(t, http.MethodPost, "/auth/password-resets", fmt.Sprintf(`{"email":%q}`, mail), http.StatusAccepted)
	for name, test := range map[string]struct {
		method, path, body string
		status             int
		code               string
	}{
		"an address that is taken":       {http.MethodPost, "/auth/signup", signupOf(strings.ToUpper(mail), "korrekt pferd batterie"), http.StatusConflict, "email_taken"},
		"a weak password":                {http.MethodPost, "/auth/signup", signupOf("x"+mail, "short"), http.StatusUnprocessableEntity, "weak_password"},
		"no mail address":                {http.MethodPost, "/auth/signup", signupOf("anna", "korrekt pferd batterie"), http.StatusUnprocessableEntity, "invalid_email"},
		"a name with a NUL":              {http.MethodPatch, "/me", `{"name":"\u0000"}`, http.StatusUnprocessableEntity, "invalid_name"},
		"a weak password by a link":      {http.MethodPost, "/auth/password", fmt.Sprintf(`{"token":%q,"password":"short"}`, linkTo(t, mail, "reset-password")), http.StatusUnprocessableEntity, "weak_password"},
		"a version that is no number":    {http.MethodGet, "/concerts/" + s.Concert + "/layout?version=x", "", http.StatusNotFound, "layout_not_found"},
		"a layout with a parameter":      {http.MethodGet, "/concerts/" + s.Concert + "/layout?x=1", "", http.StatusBadRequest, "invalid_filter"},
		"availability with a parameter":  {http.MethodGet, "/concerts/" + s.Concert + "/availability?x=1", "", http.StatusBadRequest, "invalid_filter"},
		"availability of an unknown one": {http.MethodGet, "/concerts/nothing/availability", "", http.StatusNotFound, "concert_not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			if a := p.send(t, test.method, test.path, test.body, test.status); a.Problem().Code != test.code {
				t.Errorf("%s", a.Body)
			}
		})
	}
	for _, path := range []string{"/auth/signup", "/auth/login", "/auth/refresh", "/auth/logout"} {
		answer, err := p.Do(t.Context(), http.MethodPost, path, []byte(signupOf("y"+mail, "korrekt pferd batterie")), map[string]string{
			"Content-Type": "application/json", "Origin": "https://other.example", "Cookie": p.cookie,
		})
		if err != nil || answer.Status != http.StatusForbidden || answer.Problem().Code != "forbidden" {
			t.Errorf("%s of another site's page returned %d %s, %v", path, answer.Status, answer.Body, err)
		}
	}
	answer, err := s.withToken(t, "").Do(t.Context(), http.MethodPost, "/auth/confirmations", nil, nil)
	if err != nil || answer.Status != http.StatusUnauthorized {
		t.Errorf("confirmations without a token: %d %s, %v", answer.Status, answer.Body, err)
	}
	event := []byte(`{"x":"` + strings.Repeat("x", 262_144) + `"}`)
	answer, err = s.withToken(t, "").Do(t.Context(), http.MethodPost, "/webhooks/stripe", event, map[string]string{"Content-Type": "application/json", "Stripe-Signature": "t=1,v1=00"})
	if err != nil || answer.Status != http.StatusRequestEntityTooLarge || answer.Problem().Code != "body_too_large" {
		t.Errorf("an event that is too large: %d %s, %v", answer.Status, answer.Body, err)
	}
}

// What tickets refuse: what is no parameter, a caller without a token, and an order without tickets.
func TestTicketsRefuse(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	buyer := s.signedIn(t, testbed.Named("early"))
	accepted := s.place(t, buyer, "key-1", s.takeSeats(t, 1)...)
	s.waitDecided(t, buyer, accepted.OrderID)
	files := "/orders/" + accepted.OrderID
	for _, test := range []struct {
		path    string
		noToken bool
		status  int
		code    string
	}{
		{"/me/tickets?limit=0", false, http.StatusBadRequest, "invalid_limit"},
		{"/me/tickets?cursor=nonsense", false, http.StatusBadRequest, "invalid_cursor"},
		{"/me/tickets", true, http.StatusUnauthorized, ""},
		{files + "/tickets.pdf?x=1", false, http.StatusBadRequest, "invalid_filter"},
		{files + "/tickets.ics?x=1", false, http.StatusBadRequest, "invalid_filter"},
		{files + "/tickets.pdf", true, http.StatusUnauthorized, ""},
		{files + "/tickets.ics", true, http.StatusUnauthorized, ""},
		{files + "/tickets.pdf", false, http.StatusConflict, "order_not_confirmed"},
		{files + "/tickets.ics", false, http.StatusConflict, "order_not_confirmed"},
		{"/concerts/" + s.Concert + "/revocations?x=1", true, http.StatusBadRequest, "invalid_filter"},
		{"/concerts/nothing/revocations", true, http.StatusNotFound, "concert_not_found"},
	} {
		caller := buyer
		if test.noToken {
			caller = s.withToken(t, "")
		}
		answer, err := caller.Do(t.Context(), http.MethodGet, test.path, nil, nil)
		if err != nil || answer.Status != test.status || answer.Problem().Code != test.code {
			t.Errorf("GET %s returned %d %s, %v; want %d %s", test.path, answer.Status, answer.Body, err, test.status, test.code)
		}
	}
	s.cancel(t, buyer, accepted.OrderID)
}
