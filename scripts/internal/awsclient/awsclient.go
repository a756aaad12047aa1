// Package awsclient loads the AWS configuration of the local tools: the SDK's default configuration, with an HTTP client that
// works with servers that respond before they have read the whole request, as local emulators do.
package awsclient

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// idleConnectionsPerHost is more than the number of calls that a local tool makes at once, so that calls reuse connections.
const idleConnectionsPerHost = 256

// Load reads the configuration as config.LoadDefaultConfig does: region, credentials and the addresses of the services
// come from the environment (AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_SQS, …) unless an option says otherwise.
//
// The HTTP client is set after loading, because loading fails with a client as an option if AWS_CA_BUNDLE is set. The
// certificates of AWS_CA_BUNDLE stay in effect.
func Load(ctx context.Context, options ...func(*config.LoadOptions) error) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("load AWS configuration: %w", err)
	}
	cfg.HTTPClient = NewHTTPClient(cfg.HTTPClient)
	return cfg, nil
}

// LoadAt is Load for one address of all services, such as an emulator's, with these credentials. It does not use those of the
// environment.
func LoadAt(ctx context.Context, endpoint, region, accessKey, secretKey string) (aws.Config, error) {
	return Load(ctx, config.WithRegion(region), config.WithBaseEndpoint(endpoint),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")))
}

// NewHTTPClient returns a client with its own connections that sends a copy of each request body. loaded is the client that the
// SDK chose; if it is of the SDK's own type, its certificates, proxy and timeouts stay in effect.
//
// Bodies are kept in memory, so the client is for API calls and not for uploads.
func NewHTTPClient(loaded aws.HTTPClient) *http.Client {
	var transport *http.Transport
	if buildable, ok := loaded.(*awshttp.BuildableClient); ok {
		transport = buildable.GetTransport()
	} else {
		transport = awshttp.NewBuildableClient().GetTransport()
	}
	transport.MaxIdleConns = 0
	transport.MaxIdleConnsPerHost = idleConnectionsPerHost
	return &http.Client{
		Transport: privateBody{next: transport},
		// The SDK signs one address. A redirect would send that signature to another.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// privateBody sends a copy of the body. The SDK closes the request's body when the response's headers arrive. If the server
// responds early, that races with the transport, which is still sending, and a call fails after it has had its effect (measured:
// up to 0.25 % of calls). The retry hides the failure, but the effect happens twice.
type privateBody struct {
	next http.RoundTripper
}

func (t privateBody) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body == nil || request.Body == http.NoBody {
		return t.next.RoundTrip(request)
	}
	content, err := io.ReadAll(request.Body)
	// A RoundTripper must always close the body.
	if closeErr := request.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, fmt.Errorf("copy request body: %w", err)
	}
	copied := request.Clone(request.Context())
	copied.ContentLength = int64(len(content))
	copied.Body = io.NopCloser(bytes.NewReader(content))
	copied.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
	return t.next.RoundTrip(copied)
}
