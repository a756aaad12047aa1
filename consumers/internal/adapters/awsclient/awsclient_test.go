package awsclient

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"boxoffice/consumers/internal/retry"
)

// roundTrip is a RoundTripper of one function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// closing is a body that records its Close and cannot be read after it.
type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Read(p []byte) (int, error) {
	if c.closed {
		return 0, errors.New("read after close")
	}
	return c.Reader.Read(p)
}

func (c *closing) Close() error { c.closed = true; return nil }

// The SDK closes its body as soon as it has a response; the request on the way to the server must not be affected.
func TestBodyIsPrivate(t *testing.T) {
	body := &closing{Reader: strings.NewReader("payload")}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://host/", body)
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = 7
	var sent *http.Request
	client := privateBody{next: roundTrip(func(r *http.Request) (*http.Response, error) {
		sent = r
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
	})}
	response, err := client.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if !body.closed {
		t.Error("the caller's body is left open")
	}
	if request.Body != body || request.GetBody != nil {
		t.Error("the caller's request was changed")
	}
	for range 2 {
		got, err := io.ReadAll(sent.Body)
		if err != nil || string(got) != "payload" || sent.ContentLength != 7 {
			t.Errorf("body %q of %d, error %v", got, sent.ContentLength, err)
		}
		// A transport that repeats the request on a new connection asks for the body again.
		if sent.Body, err = sent.GetBody(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRequestWithoutBodyIsPassedOn(t *testing.T) {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://host/", nil)
	if err != nil {
		t.Fatal(err)
	}
	var sent *http.Request
	client := privateBody{next: roundTrip(func(r *http.Request) (*http.Response, error) {
		sent = r
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
	})}
	response, err := client.RoundTrip(request)
	if err != nil || sent != request {
		t.Fatalf("error %v, another request %t", err, sent != request)
	}
	_ = response.Body.Close()
}

func setenv(t *testing.T, endpoint string) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
}

// A client makes a call once, whatever the environment says: Try is the one layer that retries.
func TestSDKMakesOneAttempt(t *testing.T) {
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer server.Close()
	setenv(t, server.URL)
	t.Setenv("AWS_MAX_ATTEMPTS", "4")
	t.Setenv("AWS_RETRY_MODE", "adaptive")
	err := listQueues(t.Context())
	if err == nil || ResultOf(err) != retry.ResultUnknown {
		t.Errorf("error %v of a server that fails", err)
	}
	if calls.Load() != 1 {
		t.Errorf("%d attempts, want 1", calls.Load())
	}
	if err := Try(t.Context(), 2*time.Second, listQueues); err == nil || calls.Load() != 3 {
		t.Errorf("%d attempts after a Try, want 2 more; error %v", calls.Load(), err)
	}
}

// AWS_CA_BUNDLE is trusted, which requires the loaded client's transport under ours.
func TestCABundleIsTrusted(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = w.Write([]byte("{}"))
	}))
	defer server.Close()
	setenv(t, server.URL)
	if err := listQueues(t.Context()); err == nil {
		t.Fatal("an untrusted certificate was accepted")
	}
	var bundle bytes.Buffer
	if err := pem.Encode(&bundle, &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "bundle.pem")
	if err := os.WriteFile(file, bundle.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", file)
	if err := listQueues(t.Context()); err != nil {
		t.Error(err)
	}
}

func listQueues(ctx context.Context) error {
	cfg, err := Load(ctx)
	if err != nil {
		return err
	}
	_, err = sqs.NewFromConfig(cfg).ListQueues(ctx, &sqs.ListQueuesInput{})
	return err
}
