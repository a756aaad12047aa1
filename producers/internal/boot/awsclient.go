package boot

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
)

// sdkAttempts is how often the SDK makes a call: once more after a throttle, a 5xx or a broken connection. A client
// waits for the answer, and it is better off with a 503 that it can send again than with the SDK's waits of up to 20 s.
const sdkAttempts = 2

// maxIdleConnections of a process, which answers one request at a time; the SDK's own default suits servers.
const maxIdleConnections = 16

// LoadAWS reads the SDK's configuration from its usual places (environment, role) and gives it a client of ours.
// Per-call timeouts are the adapters'. What the SDK logs, its warnings and each repeated call, goes to log: by itself it writes
// plain text to standard error.
func LoadAWS(ctx context.Context, log *slog.Logger) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryMaxAttempts(sdkAttempts),
		config.WithLogger(sdkLog{log: log}), config.WithClientLogMode(aws.LogRetries))
	if err != nil {
		return aws.Config{}, fmt.Errorf("load AWS configuration: %w", err)
	}
	// Set after loading: a client handed in makes loading fail where AWS_CA_BUNDLE is set. The loaded one already
	// trusts that bundle, so its transport is the base of ours.
	loaded, ok := cfg.HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		loaded = awshttp.NewBuildableClient()
	}
	cfg.HTTPClient = newHTTPClient(loaded.GetTransport())
	return cfg, nil
}

func newHTTPClient(transport *http.Transport) *http.Client {
	transport.MaxIdleConns = maxIdleConnections
	transport.MaxIdleConnsPerHost = maxIdleConnections
	return &http.Client{
		Transport: privateBody{next: transport},
		// As the SDK's own client: a redirect is an answer, not an address to send signed requests to.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// privateBody sends a copy of the body. The SDK closes a request's body as soon as the headers of the answer are
// there, while the transport may still be reading it; a server that answers fast then sees the connection break, and
// the call fails after its effect. Nobody but the transport closes the copy.
type privateBody struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t privateBody) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body == nil || request.Body == http.NoBody {
		return t.next.RoundTrip(request)
	}
	body, err := io.ReadAll(request.Body)
	if closeErr := request.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, fmt.Errorf("read request body: %w", err)
	}
	// A RoundTripper must leave the request it was given alone.
	private := request.Clone(request.Context())
	private.ContentLength = int64(len(body))
	private.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	private.Body, _ = private.GetBody()
	return t.next.RoundTrip(private)
}
