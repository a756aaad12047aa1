package awsclient

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// closableBody fails every read after its Close, as the SDK's body does.
type closableBody struct {
	reader *bytes.Reader
	closed atomic.Bool
}

var errClosed = errors.New("read after close")

func (b *closableBody) Read(p []byte) (int, error) {
	if b.closed.Load() {
		return 0, errClosed
	}
	return b.reader.Read(p)
}

func (b *closableBody) Close() error { b.closed.Store(true); return nil }

func TestTransportDoesNotReadAClosedBody(t *testing.T) {
	received := make(chan []byte, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("server could not read the body: %v", err)
		}
		received <- body
	}))
	defer server.Close()
	// Larger than one write of the transport, so that sending continues after the headers.
	content := bytes.Repeat([]byte("seat"), 1<<18)
	body := &closableBody{reader: bytes.NewReader(content)}
	next := roundTripFunc(func(r *http.Request) (*http.Response, error) {
		if err := body.Close(); err != nil {
			t.Error(err)
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	response, err := privateBody{next: next}.RoundTrip(request)
	if err != nil {
		t.Fatalf("the call failed because the caller's body was closed: %v", err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-received; !bytes.Equal(got, content) {
		t.Errorf("server received %d bytes, want %d", len(got), len(content))
	}
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestLoadUsesRegionAndAddressAndSetsTheClient(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	cfg, err := Load(t.Context(), config.WithRegion("eu-central-1"),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("000000000001", "secret", "")))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Region != "eu-central-1" || aws.ToString(cfg.BaseEndpoint) != "http://127.0.0.1:1" {
		t.Errorf("region %q, endpoint %q", cfg.Region, aws.ToString(cfg.BaseEndpoint))
	}
	client, ok := cfg.HTTPClient.(*http.Client)
	if !ok {
		t.Fatalf("HTTP client is %T", cfg.HTTPClient)
	}
	if _, ok := client.Transport.(privateBody); !ok {
		t.Errorf("transport is %T, does not copy bodies", client.Transport)
	}
}

func TestLoadAtIgnoresTheEnvironment(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	t.Setenv("AWS_REGION", "us-east-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "000000000001")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "another")
	cfg, err := LoadAt(t.Context(), "http://127.0.0.1:2", "eu-central-1", "000000000002", "secret")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Region != "eu-central-1" || aws.ToString(cfg.BaseEndpoint) != "http://127.0.0.1:2" || keys.AccessKeyID != "000000000002" || keys.SecretAccessKey != "secret" {
		t.Errorf("region %q, endpoint %q, key %q", cfg.Region, aws.ToString(cfg.BaseEndpoint), keys.AccessKeyID)
	}
}
