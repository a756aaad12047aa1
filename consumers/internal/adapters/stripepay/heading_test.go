package stripepay_test

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"boxoffice/consumers/internal/adapters/stripepay"
	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
)

// The headers of a response count also where its body cannot be read. Otherwise a 5xx that Stripe repeats for ever would
// make the message retry for as long as Stripe keeps the key.
func TestReplayedFailureIsKnownFromHeaders(t *testing.T) {
	cut := func(w http.ResponseWriter) {
		// The connection breaks inside the body.
		w.Header().Set("Content-Length", "1000")
	}
	for what, c := range map[string]struct {
		status   int
		replayed string
		body     string
		head     func(http.ResponseWriter)
		failure  pay.Failure
		healthy  bool
	}{
		"a proxy's page":                {502, "true", "<html>", nil, pay.FailureReplayed, true},
		"a page with a 500":             {500, "true", "<html>", nil, pay.FailureReplayed, true},
		"nothing":                       {503, "true", "", nil, pay.FailureReplayed, true},
		"another's JSON":                {504, "true", `{"message":"Endpoint request timed out"}`, nil, pay.FailureReplayed, true},
		"an error that is a text":       {500, "true", `{"error":"Bad gateway"}`, nil, pay.FailureReplayed, true},
		"half of Stripe's JSON":         {500, "true", `{"error":{"type":"api_error"`, nil, pay.FailureReplayed, true},
		"a body that breaks off":        {500, "true", `{"error":{"type":"api_error"}}`, cut, pay.FailureReplayed, true},
		"Stripe's JSON":                 {500, "true", `{"error":{"type":"api_error"}}`, nil, pay.FailureReplayed, true},
		"a page, the first time":        {502, "", "<html>", nil, pay.FailureUnknown, false},
		"a page that denies it":         {502, "false", "<html>", nil, pay.FailureUnknown, false},
		"a replayed page that is no no": {400, "true", "<html>", nil, pay.FailureUnknown, false},
		"a replayed page that is a yes": {200, "true", "<html>", nil, pay.FailureUnknown, false},
	} {
		t.Run(what, func(t *testing.T) {
			p := answering(t, retry.NoBreaker{}, slog.New(slog.DiscardHandler), func(w http.ResponseWriter, _ *http.Request) {
				if c.replayed != "" {
					w.Header().Set("Idempotent-Replayed", c.replayed)
				}
				w.Header().Set("Request-Id", "req_1")
				if c.head != nil {
					c.head(w)
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			})
			_, createErr := p.Create(t.Context(), "pi:1:0", pay.CreateParams{Amount: contracts.Money{Minor: 100, Currency: "EUR"}})
			_, captureErr := p.Capture(t.Context(), "cap:1:0", "pi_1")
			_, cancelErr := p.Cancel(t.Context(), "void:1:0", "pi_1")
			for _, err := range []error{createErr, captureErr, cancelErr} {
				var problem *pay.ProviderError
				if !errors.As(err, &problem) || problem.Failure != c.failure || stripepay.Healthy(err) != c.healthy {
					t.Errorf("got %v, healthy %v", err, stripepay.Healthy(err))
				}
				if c.failure == pay.FailureReplayed && !strings.Contains(err.Error(), "req_1") {
					t.Errorf("%v does not name the request", err)
				}
			}
		})
	}
}
