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

// sdkAttempts is how often the SDK tries a call: once more after a throttle, a 5xx or a broken connection. A client waits
// meanwhile, and a 503 that it can repeat is better than the SDK's waits of up to 20 s.
const sdkAttempts = 2

// maxIdleConnections suits a process that answers one request at a time; the SDK's default suits servers.
const maxIdleConnections = 16

// LoadAWS reads the SDK's configuration from its usual places (environment, role) and sets an HTTP client of ours. Adapters set
// the timeout of each call. The SDK's warnings and retries are logged to log; by default the SDK writes plain text to standard
// error.
func LoadAWS(ctx context.Context, log *slog.Logger) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryMaxAttempts(sdkAttempts),
		config.WithLogger(sdkLog{log: log}), config.WithClientLogMode(aws.LogRetries))
	if err != nil {
		return aws.Config{}, fmt.Errorf("load AWS configuration: %w", err)
	}
	// Set after loading: a client passed to LoadDefaultConfig makes it fail where AWS_CA_BUNDLE is set. The loaded client already
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
		// As the SDK's own client does: a redirect is an answer, not an address to send signed requests to.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// privateBody sends a copy of the body. The SDK closes a request's body as soon as the headers of the answer arrive, while the
// transport may still be reading it. A server that answers fast then sees the connection break, and the call fails after its
// effect. Only the transport closes the copy.
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
	// A RoundTripper must not change the request that it is given.
	private := request.Clone(request.Context())
	private.ContentLength = int64(len(body))
	private.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	private.Body, _ = private.GetBody()
	return t.next.RoundTrip(private)
}
