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

func TestTokensThatAreNotGoodAreRefused(t *testing.T) {
	t.Parallel()
	s := theStack(t)
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
	seats := s.seats(t, 1)
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
			c := s.with(t, token)
			answer, err := c.Place(t.Context(), "key-1", apiclient.OrderRequest{ConcertID: s.Concert, Seats: seats})
			if err != nil {
				t.Fatal(err)
			}
			if answer.Status != http.StatusUnauthorized || answer.Problem().Message != "Unauthorized" {
				t.Errorf("POST /orders answers %d %s", answer.Status, answer.Body)
			}
			if _, answer, err = c.Order(t.Context(), "e1"+strings.Repeat("0", 30)); err != nil || answer.Status != http.StatusUnauthorized {
				t.Errorf("GET /orders answers %d, %v", answer.Status, err)
			}
		})
	}
	s.nothingEnqueued(t, user, seats[0])
}

// Whoever asks for an order that is not his gets the same answer whatever is wrong, before and after it is decided.
func TestAnotherBuyersOrderIsNotFound(t *testing.T) {
	t.Parallel()
	s := theStack(t)
	anna, mallory, seats := s.as(t, testbed.Named("anna")), s.as(t, testbed.Named("mallory")), s.seats(t, 1)
	accepted := s.place(t, anna, "key-1", seats...)
	notFound := func(id string) {
		t.Helper()
		_, answer, err := mallory.Order(t.Context(), id)
		if err != nil || answer.Status != http.StatusNotFound || answer.Problem().Code != "order_not_found" {
			t.Errorf("GET /orders/%s answers %d %s, %v", id, answer.Status, answer.Body, err)
		}
	}
	notFound(accepted.OrderID)
	s.decided(t, anna, accepted.OrderID)
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
