package stripepay

import (
	"context"
	"net/http"
)

// heading is what the headers of a response say. It is kept beside the call because the library returns nothing about an
// error whose body it cannot read, for example a proxy's page. A failure that Stripe repeats for an idempotency key for
// ever says so only in the headers.
type heading struct {
	status   int
	replayed bool
	request  string
}

type headingKey struct{}

// withHeading returns a context in which headings writes the headers of a response to h. Use it for one call, in one
// goroutine.
func withHeading(ctx context.Context, h *heading) context.Context {
	return context.WithValue(ctx, headingKey{}, h)
}

// headings is a RoundTripper that stores the headers of each response in the heading of its context.
type headings struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t headings) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(r)
	if h, noted := r.Context().Value(headingKey{}).(*heading); noted && err == nil {
		*h = heading{status: response.StatusCode, replayed: replayed(response.Header), request: response.Header.Get("Request-Id")}
	}
	return response, err
}

// replayed reports whether Stripe repeated the response that the idempotency key got first.
func replayed(h http.Header) bool { return h.Get("Idempotent-Replayed") == "true" }
