// Package awsclient is what every adapter of an AWS service uses. awsclient.go loads the configuration for all clients,
// with an HTTP client whose calls do not fail after their effect; log.go turns the SDK's log into lines of the function's
// log; call.go makes a call and repeats it where that may help; result.go is the one table that maps AWS errors to results.
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
)

// maxIdleConnections bounds the idle connections of a process: as many as it makes calls at a time, 10 groups with some
// calls each. The SDK's 10 a host would close and dial again all the time.
const maxIdleConnections = 128

// Load reads the SDK's configuration from its usual places (environment, role) and gives it our HTTP client. Its clients
// make each call once: only Try retries, because it knows how much time is left. The SDK's own waits of up to 20 s would
// outlast a handler of 5 s. A process that serves requests adds LogTo.
func Load(ctx context.Context, options ...func(*config.LoadOptions) error) (aws.Config, error) {
	options = append([]func(*config.LoadOptions) error{config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} })}, options...)
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("load AWS configuration: %w", err)
	}
	// Set after loading: loading fails when a client is passed in and AWS_CA_BUNDLE is set. The loaded client already
	// trusts that bundle, so ours uses its transport.
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
		// As in the SDK's own client: a redirect is a response, not an address to send signed requests to.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// privateBody sends a copy of the body. The SDK closes a request's body as soon as the response headers arrive, while the
// transport may still read it. A fast server then sees the connection break, and the call fails after its effect. Only the
// transport closes the copy.
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
	// A RoundTripper must not change its request.
	private := request.Clone(request.Context())
	private.ContentLength = int64(len(body))
	private.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	private.Body, _ = private.GetBody()
	return t.next.RoundTrip(private)
}
