// Package awsclient is how a process speaks to AWS, for every adapter that does. awsclient.go loads the configuration that
// every client is made from, with an HTTP client whose calls do not fail after their effect; log.go turns what the SDK logs
// into lines of the function's own log; call.go makes a call and, where
// that is worth it, makes it again; result.go is the one table of what an error of AWS means.
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

// maxIdleConnections keeps as many connections as one process has calls at a time, 10 groups with some calls each; the
// SDK's 10 a host would close and dial again all the time.
const maxIdleConnections = 128

// Load reads the SDK's configuration from its usual places (environment, role) and gives it a client of ours. Clients of it
// make a call once: one layer retries, and that is Try, which knows how much time is left. The SDK's own waits of up to 20 s
// would outlive a handler of 5 s. A process that serves adds LogTo.
func Load(ctx context.Context, options ...func(*config.LoadOptions) error) (aws.Config, error) {
	options = append([]func(*config.LoadOptions) error{config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} })}, options...)
	cfg, err := config.LoadDefaultConfig(ctx, options...)
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
