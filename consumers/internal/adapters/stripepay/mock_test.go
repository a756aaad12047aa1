package stripepay_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/consumers/internal/adapters/stripepay"
	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/retry"
	"boxoffice/consumers/internal/testkit/childtest"
	"boxoffice/contracts"
	"boxoffice/contracts/stripeevent"
)

// mockKey has the form that stripe-mock requires.
const mockKey = "sk_test_123"

// stripe-mock, Stripe's own server, stores nothing but knows every parameter of every request: it must accept each kind of
// request that this package makes. The double checks what we taught it; this one was taught by Stripe.
func TestStripeMockAcceptsEachRequest(t *testing.T) {
	program := os.Getenv("BOXOFFICE_STRIPE_MOCK")
	if program == "" {
		t.Skip("no stripe-mock in the environment (BOXOFFICE_STRIPE_MOCK is not set): run make stripe-mock")
	}
	base := startMock(t, program)
	seen := &requests{next: &http.Transport{DisableKeepAlives: true}}
	provider := stripepay.New(stripepay.Options{Key: mockKey, Base: base, TimeoutPerCall: 10 * time.Second, Transport: seen}, retry.NoBreaker{}, slog.New(slog.DiscardHandler))
	now := contracts.InstantOf(time.Now())
	for name, ask := range map[string]func(context.Context) error{
		"POST /v1/payment_intents": func(ctx context.Context) error {
			_, err := provider.Create(ctx, "pi:o:0", pay.CreateParams{Amount: contracts.Money{Minor: 12000, Currency: "EUR"}, Metadata: map[string]string{
				stripeevent.MetadataEnvironment: "test", stripeevent.MetadataOrder: "o", stripeevent.MetadataConcert: "c", stripeevent.MetadataGroup: "g",
			}})
			return err
		},
		"GET /v1/payment_intents/pi_2":          func(ctx context.Context) error { _, err := provider.Entry(ctx, "pi_2"); return err },
		"GET /v1/payment_intents/pi_1":          func(ctx context.Context) error { _, err := provider.Retrieve(ctx, "pi_1"); return err },
		"POST /v1/payment_intents/pi_1/capture": func(ctx context.Context) error { _, err := provider.Capture(ctx, "cap:o:0", "pi_1"); return err },
		"POST /v1/payment_intents/pi_1/cancel":  func(ctx context.Context) error { _, err := provider.Cancel(ctx, "void:pi_1:0", "pi_1"); return err },
		"GET /v1/events": func(ctx context.Context) error {
			_, err := provider.Undelivered(ctx, now.Add(-time.Hour), "evt_1")
			return err
		},
		"GET /v1/payment_intents": func(ctx context.Context) error {
			_, err := provider.Entries(ctx, now.Add(-time.Hour), now, "pi_1")
			return err
		},
	} {
		seen.reset()
		if err := ask(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := seen.all(); len(got) != 1 || got[0] != name {
			t.Errorf("%s: the requests were %q", name, got)
		}
	}

	// It refuses parameters that it does not know.
	answer := post(t, base+"/v1/payment_intents", url.Values{"amount": {"12000"}, "currency": {"eur"}, "capture_methode": {"manual"}})
	if answer != http.StatusBadRequest {
		t.Errorf("a misspelt parameter was answered %d", answer)
	}
}

// startMock starts stripe-mock until the test ends, and returns its address.
func startMock(t *testing.T, program string) (base string) {
	t.Helper()
	_, err := childtest.Try(func() (struct{}, error) {
		ports, err := childtest.FreePorts(t.Context(), 1)
		if err != nil {
			return struct{}{}, err
		}
		base = "http://127.0.0.1:" + ports[0]
		command := exec.Command(program, "-http-addr", "127.0.0.1:"+ports[0]) //nolint:gosec // a test's program
		exited, err := childtest.Start(command)
		if err != nil {
			return struct{}{}, err
		}
		t.Cleanup(func() {
			_ = command.Process.Kill()
			<-exited
		})
		return struct{}{}, listens(t, base, exited)
	})
	if err != nil {
		t.Fatal(err)
	}
	return base
}

// listens waits until the server responds.
func listens(t *testing.T, base string, exited <-chan struct{}) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, base, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			return response.Body.Close()
		}
		select {
		case <-exited:
			return err
		case <-ctx.Done():
			return err
		case <-again.C:
		}
	}
}

func post(t *testing.T, target string, form url.Values) (status int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization", "Bearer "+mockKey)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // only read
	if body, err := io.ReadAll(response.Body); err != nil || !json.Valid(body) {
		t.Fatalf("answered %.200s, %v", body, err)
	}
	return response.StatusCode
}

// requests counts the requests that go through it.
type requests struct {
	next http.RoundTripper
	mu   sync.Mutex
	got  []string
}

// RoundTrip implements http.RoundTripper.
func (r *requests) RoundTrip(request *http.Request) (*http.Response, error) {
	r.mu.Lock()
	r.got = append(r.got, request.Method+" "+request.URL.Path)
	r.mu.Unlock()
	return r.next.RoundTrip(request)
}

func (r *requests) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = nil
}

func (r *requests) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got
}
