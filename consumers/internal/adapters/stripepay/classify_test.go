package stripepay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"boxoffice/consumers/internal/adapters/stripepay"
	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
)

const (
	secretKey    = "sk_live_canary"
	clientSecret = "pi_1_secret_canary"
)

// answering is a Provider over a server with a scripted response, for what the double cannot do.
func answering(t *testing.T, breaker retry.Breaker, log *slog.Logger, answer http.HandlerFunc) *stripepay.Provider {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return stripepay.New(stripepay.Options{Key: secretKey, Base: s.URL, TimeoutPerCall: 20 * time.Second}, breaker, log)
}

// Every row of the table of Stripe's errors, and whether it counts as a failure for a breaker.
func TestErrorsAreClassified(t *testing.T) {
	for _, c := range []struct {
		what     string
		status   int
		replayed bool
		body     string
		failure  pay.Failure
		code     string
		healthy  bool
	}{
		{"a failure", 500, false, `{"type":"api_error"}`, pay.FailureUnknown, "api_error", false},
		{"a gateway's failure", 502, false, `{"type":"api_error"}`, pay.FailureUnknown, "api_error", false},
		{"an old failure", 500, true, `{"type":"api_error"}`, pay.FailureReplayed, "api_error", true},
		{"too fast", 429, false, `{"type":"invalid_request_error","code":"rate_limit"}`, pay.FailureUnknown, "rate_limit", true},
		{"an object in use", 429, false, `{"type":"invalid_request_error","code":"lock_timeout"}`, pay.FailureUnknown, "lock_timeout", true},
		{"a key in use", 409, false, `{"type":"idempotency_error","code":"idempotency_key_in_use"}`, pay.FailureUnknown, "idempotency_key_in_use", true},
		{"a wrong API key", 401, false, `{"type":"invalid_request_error"}`, pay.FailureUnknown, "invalid_request_error", false},
		{"an API key that may not", 403, false, `{"type":"invalid_request_error"}`, pay.FailureUnknown, "invalid_request_error", false},
		{"another status", 400, false, `{"type":"invalid_request_error","code":"payment_intent_unexpected_state"}`, pay.FailureState, "payment_intent_unexpected_state", true},
		{"another status, once more", 400, true, `{"type":"invalid_request_error","code":"payment_intent_unexpected_state"}`, pay.FailureState, "payment_intent_unexpected_state", true},
		{"an expired authorisation", 400, false, `{"type":"invalid_request_error","code":"charge_expired_for_capture"}`, pay.FailureState, "charge_expired_for_capture", true},
		{"the same in another dress", 402, false, `{"type":"card_error","code":"capture_charge_authorization_expired"}`, pay.FailureState, "capture_charge_authorization_expired", true},
		{"captured elsewhere", 400, false, `{"type":"invalid_request_error","code":"charge_already_captured"}`, pay.FailureState, "charge_already_captured", true},
		{"a declined card", 402, false, `{"type":"card_error","code":"card_declined","decline_code":"insufficient_funds"}`, pay.FailureDeclined, "insufficient_funds", true},
		{"a wrong parameter", 400, false, `{"type":"invalid_request_error","code":"parameter_unknown","param":"amuont"}`, pay.FailureBug, "parameter_unknown", true},
		{"a key with other parameters", 400, false, `{"type":"idempotency_error"}`, pay.FailureBug, "idempotency_error", true},
		{"no such PaymentIntent", 404, false, `{"type":"invalid_request_error","code":"resource_missing"}`, pay.FailureBug, "resource_missing", true},
		{"no such address", 404, false, `{"type":"invalid_request_error"}`, pay.FailureUnknown, "invalid_request_error", true},
		{"an unknown type", 418, false, `{"type":"teapot_error"}`, pay.FailureUnknown, "teapot_error", true},
		{"an error without a word", 400, false, `{}`, pay.FailureBug, "error", true},
	} {
		t.Run(c.what, func(t *testing.T) {
			p := answering(t, retry.NoBreaker{}, slog.New(slog.DiscardHandler), func(w http.ResponseWriter, _ *http.Request) {
				if c.replayed {
					w.Header().Set("Idempotent-Replayed", "true")
				}
				w.Header().Set("Request-Id", "req_1")
				w.WriteHeader(c.status)
				_, _ = fmt.Fprintf(w, `{"error":%s}`, c.body)
			})
			_, err := p.Capture(t.Context(), "cap:1:0", "pi_1")
			var problem *pay.ProviderError
			if !errors.As(err, &problem) || problem.Failure != c.failure || problem.Code != c.code || !strings.Contains(err.Error(), "req_1") {
				t.Errorf("got %v, want failure %d, code %s", err, c.failure, c.code)
			}
			if got := stripepay.Healthy(err); got != c.healthy {
				t.Errorf("healthy %v", got)
			}
		})
	}
}

// Calls without an answer of Stripe.
func TestCallsWithoutAnswer(t *testing.T) {
	for what, answer := range map[string]http.HandlerFunc{
		"a page":              func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"a page with a 502":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502); _, _ = w.Write([]byte("<html>")) },
		"an empty object":     func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) },
		"an error without it": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); _, _ = w.Write([]byte("{}")) },
		"nothing":             func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(what, func(t *testing.T) {
			p := answering(t, retry.NoBreaker{}, slog.New(slog.DiscardHandler), answer)
			_, createErr := p.Create(t.Context(), "pi:1:0", pay.CreateParams{Amount: contracts.Money{Minor: 100, Currency: "EUR"}})
			_, captureErr := p.Capture(t.Context(), "cap:1:0", "pi_1")
			for _, err := range []error{createErr, captureErr} {
				var problem *pay.ProviderError
				if !errors.As(err, &problem) || problem.Failure != pay.FailureUnknown || stripepay.Healthy(err) {
					t.Errorf("got %v, healthy %v", err, stripepay.Healthy(err))
				}
			}
		})
	}
}

// No error and no log line contains a key or a client secret, wherever Stripe puts them.
func TestNoErrorContainsSecret(t *testing.T) {
	intent := fmt.Sprintf(`{"id":"pi_1","object":"payment_intent","client_secret":%q}`, clientSecret)
	for what, answer := range map[string]struct {
		status int
		body   string
	}{
		"an object in the error": {400, `{"error":{"type":"invalid_request_error","code":"payment_intent_unexpected_state","message":"of ` + clientSecret + `","payment_intent":` + intent + `}}`},
		"a decline":              {402, `{"error":{"type":"card_error","code":"card_declined","message":"no","payment_intent":` + intent + `}}`},
		"the API key":            {401, `{"error":{"type":"invalid_request_error","message":"Invalid API Key provided: ` + secretKey + `"}}`},
		"half an object":         {200, intent[:len(intent)-1]},
		"half an error":          {500, `{"error":{"payment_intent":` + intent},
		"no error":               {500, intent},
		"another object":         {200, strings.Replace(intent, "payment_intent", "charge", 1)},
		"a list":                 {200, `{"object":"list","has_more":false,"data":[` + strings.Replace(intent, "payment_intent", "charge", 1) + `]}`},
		"events of none":         {200, `{"object":"list","has_more":false,"data":[{"id":"evt_1","object":"event","type":"payment_intent.canceled","data":{"object":{"id":"","client_secret":"` + clientSecret + `"}}}]}`},
	} {
		t.Run(what, func(t *testing.T) {
			var log bytes.Buffer
			out := captured(t)
			p := answering(t, retry.NoBreaker{}, slog.New(slog.NewJSONHandler(&log, nil)), func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(answer.status)
				_, _ = w.Write([]byte(answer.body))
			})
			_, created := p.Create(t.Context(), "pi:1:0", pay.CreateParams{Amount: contracts.Money{Minor: 100, Currency: "EUR"}})
			_, retrieved := p.Retrieve(t.Context(), "pi_1")
			_, cancelled := p.Cancel(t.Context(), "void:pi_1:0", "pi_1")
			_, events := p.Undelivered(t.Context(), 1, "")
			_, entries := p.Entries(t.Context(), 1, 2, "")
			_, entry := p.Entry(t.Context(), "pi_1")
			all := fmt.Sprintf("%v %+v %v %v %v %v %v %s%s", created, created, retrieved, cancelled, events, entries, entry, log.String(), out())
			if strings.Contains(all, "canary") {
				t.Errorf("a secret is in: %s", all)
			}
		})
	}
}

// captured returns what the process writes to its outputs from here on: the library would log there.
func captured(t *testing.T) func() string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = file, file
	t.Cleanup(func() { os.Stdout, os.Stderr = stdout, stderr; _ = file.Close() })
	return func() string {
		written, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(written)
	}
}

// A breaker counts the calls in which Stripe failed, not those that it refused.
func TestBreakerIgnoresRefusals(t *testing.T) {
	status := http.StatusBadRequest
	breaker := retry.NewBreaker("stripe", retry.BreakerOptions{Failures: 3, IsSuccessful: stripepay.Healthy})
	asked := 0
	p := answering(t, breaker, slog.New(slog.DiscardHandler), func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"error":{"type":"invalid_request_error","code":"payment_intent_unexpected_state"}}`))
	})
	capture := func() error { _, err := p.Capture(t.Context(), "cap:1:0", "pi_1"); return err }
	for range 10 {
		if err := capture(); errors.Is(err, retry.ErrBreakerOpen) {
			t.Fatal("a refusal opened the breaker")
		}
	}
	status, asked = http.StatusInternalServerError, 0
	for range 5 {
		_ = capture()
	}
	err := capture()
	var problem *pay.ProviderError
	if asked != 3 || !errors.Is(err, retry.ErrBreakerOpen) || !errors.As(err, &problem) || problem.Failure != pay.FailureUnknown {
		t.Errorf("after %d failures: %v", asked, err)
	}
	if retry.Classify(err).NotBefore <= 0 {
		t.Error("the error does not say when the breaker lets a call pass")
	}
}

// A call that takes too long ends and counts as a failure; so does one whose caller cancels it.
func TestCallEndsAfterTimeout(t *testing.T) {
	hang, asked := make(chan struct{}), make(chan struct{}, 2)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}))
	defer s.Close()
	defer close(hang)
	p := stripepay.New(stripepay.Options{Key: secretKey, Base: s.URL, TimeoutPerCall: 20 * time.Millisecond}, retry.NoBreaker{}, slog.New(slog.DiscardHandler))
	began := time.Now()
	_, err := p.Retrieve(t.Context(), "pi_1")
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	if err == nil || !strings.Contains(err.Error(), "no answer from Stripe in time") || !errors.Is(err, context.DeadlineExceeded) || stripepay.Healthy(err) {
		t.Errorf("too slow: %v", err)
	}
	patient := stripepay.New(stripepay.Options{Key: secretKey, Base: s.URL}, retry.NoBreaker{}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := patient.Retrieve(ctx, "pi_1"); !errors.Is(err, context.Canceled) || stripepay.Healthy(err) {
		t.Errorf("given up: %v", err)
	}
}
