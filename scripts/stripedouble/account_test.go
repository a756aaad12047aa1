package main

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/client"

	"boxoffice/scripts/stripedouble/internal/server"
)

const (
	secretKey      = "sk_test_of_these_tests"
	publishableKey = "pk_test_of_these_tests"
)

// account is a Stripe account that the tests use through stripe-go, as the pipeline does: the double, or Stripe's test mode.
type account struct {
	*client.API
	key string
	// base is the address of the double, or "" for Stripe.
	base string
}

// newDouble starts a double.
func newDouble(t *testing.T) account {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	double := server.New(server.Options{
		SecretKey: secretKey, PublishableKey: publishableKey, Base: "http://" + s.Listener.Addr().String(), Now: time.Now,
		NewID: func(prefix string) string { return prefix + rand.Text() },
		// Retries of deliveries come a hundred times faster.
		Wait: func(stop <-chan struct{}, d time.Duration) { wait(stop, d/100) },
		Log:  slog.New(slog.DiscardHandler),
	})
	s.Config.Handler = double
	s.Start()
	t.Cleanup(func() { double.Close(); s.Close() })
	return account{API: clientOf(secretKey, s.URL), key: secretKey, base: s.URL}
}

func clientOf(key, base string) *client.API {
	config := &stripe.BackendConfig{MaxNetworkRetries: stripe.Int64(0), LeveledLogger: &stripe.LeveledLogger{}}
	if base != "" {
		config.URL = &base
	}
	backends := &stripe.Backends{API: stripe.GetBackendWithConfig(stripe.APIBackend, config)}
	return client.New(key, backends)
}

// both runs a check against the double and, if a test mode key is set, against Stripe itself.
func both(t *testing.T, check func(t *testing.T, a account)) {
	t.Run("double", func(t *testing.T) { check(t, newDouble(t)) })
	t.Run("Stripe", func(t *testing.T) {
		key := os.Getenv("STRIPE_TEST_KEY")
		if key == "" {
			t.Skip("STRIPE_TEST_KEY is not set: the same check against Stripe's test mode needs a key of it")
		}
		check(t, account{API: clientOf(key, ""), key: key})
	})
}

// post sends a request to the double's test API.
func (a account) post(t *testing.T, path, body string) {
	t.Helper()
	response, err := http.Post(a.base+path, "application/json", stringsReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("POST %s: %s", path, response.Status)
	}
}
