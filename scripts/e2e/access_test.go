package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/localtokens"
	"boxoffice/scripts/internal/testbed"
)

func TestInvalidTokensAreRefused(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	user := testbed.Named("mallory")
	foreign, err := localtokens.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	sign := func(k localtokens.Key, change func(*localtokens.Claims)) string {
		claims := localtokens.ClaimsOf(s.API, user, now, localtokens.TTL)
		change(&claims)
		token, err := k.Sign(claims)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	good := sign(s.Key, func(*localtokens.Claims) {})
	parts := strings.Split(good, ".")
	other := strings.Split(sign(s.Key, func(c *localtokens.Claims) { c.Subject = "anna" }), ".")
	seats := s.takeSeats(t, 1)
	for name, token := range map[string]string{
		"no token":                  "",
		"no JWT":                    "abc",
		"expired":                   sign(s.Key, func(c *localtokens.Claims) { c.IssuedAt, c.ExpiresAt = now.Add(-time.Hour), now.Add(-time.Minute) }),
		"signed by a foreign key":   sign(foreign, func(*localtokens.Claims) {}),
		"of another issuer":         sign(s.Key, func(c *localtokens.Claims) { c.Issuer = "http://127.0.0.1:1/api" }),
		"for another audience":      sign(s.Key, func(c *localtokens.Claims) { c.Audience = "elsewhere" }),
		"claims changed afterwards": parts[0] + "." + other[1] + "." + parts[2],
		"without signature":         "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + parts[1] + ".",
	} {
		t.Run(name, func(t *testing.T) {
			c := s.withToken(t, token)
			answer, err := c.Place(t.Context(), "key-1", apiclient.OrderRequest{ConcertID: s.Concert, Seats: seats})
			if err != nil {
				t.Fatal(err)
			}
			if answer.Status != http.StatusUnauthorized || answer.Problem().Message != "Unauthorized" {
				t.Errorf("POST /orders returned %d %s", answer.Status, answer.Body)
			}
			if _, answer, err = c.Order(t.Context(), "e1"+strings.Repeat("0", 30)); err != nil || answer.Status != http.StatusUnauthorized {
				t.Errorf("GET /orders returned %d, %v", answer.Status, err)
			}
		})
	}
	s.checkNothingEnqueued(t, user, seats[0])
}

// A request for another buyer's order gets the same response as one for an unknown order, before and after the decision.
func TestAnotherBuyersOrderIsNotFound(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	anna, mallory, seats := s.signedIn(t, testbed.Named("anna")), s.signedIn(t, testbed.Named("mallory")), s.takeSeats(t, 1)
	accepted := s.place(t, anna, "key-1", seats...)
	notFound := func(id string) {
		t.Helper()
		_, answer, err := mallory.Order(t.Context(), id)
		if err != nil || answer.Status != http.StatusNotFound || answer.Problem().Code != "order_not_found" {
			t.Errorf("GET /orders/%s returned %d %s, %v", id, answer.Status, answer.Body, err)
		}
	}
	notFound(accepted.OrderID)
	s.waitDecided(t, anna, accepted.OrderID)
	notFound(accepted.OrderID)
	last := accepted.OrderID[len(accepted.OrderID)-1:]
	changed := "0"
	if last == changed {
		changed = "1"
	}
	for _, id := range []string{
		accepted.OrderID[:len(accepted.OrderID)-1] + changed, // wrong tag
		accepted.OrderID[:10], "x", "%2e%2e", "e1" + strings.Repeat("u", 30), strings.Repeat("0", 200),
	} {
		notFound(id)
	}
}
