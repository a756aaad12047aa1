package stripepay

import (
	"context"
	"net/http"
)

// heading is what the head of an answer says. It is kept beside the call, because the library returns nothing of an error
// whose body it cannot read, as of a proxy's page: but a failure that its key repeats for ever says so in the head.
type heading struct {
	status   int
	replayed bool
	request  string
}

type headingKey struct{}

// withHeading is a context under which the heads of answers are noted in h. It is for one call, and so for one goroutine.
func withHeading(ctx context.Context, h *heading) context.Context {
	return context.WithValue(ctx, headingKey{}, h)
}

// headings notes the head of each answer.
type headings struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t headings) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(r)
	if h, noted := r.Context().Value(headingKey{}).(*heading); noted && err == nil {
		*h = heading{status: response.StatusCode, replayed: replayed(response.Header), request: response.Header.Get("Request-Id")}
	}
	return response, err
}

// replayed says that an answer is the one that its key got first.
func replayed(h http.Header) bool { return h.Get("Idempotent-Replayed") == "true" }
