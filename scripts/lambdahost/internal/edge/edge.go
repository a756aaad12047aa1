// Package edge imitates CloudFront in front of an HTTP API and a bucket with the site: it caches public responses for their
// max-age, collapses requests, compresses, answers 304, adds security headers, and proves to the origin that a request came
// through it. README.md of lambdahost says what differs.
package edge

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"boxoffice/contracts/edgepolicy"
	"boxoffice/contracts/origin"
)

// Options of an Edge.
type Options struct {
	// Origin is the gateway.
	Origin http.Handler
	// Address (host:port) is the edge's own, which the gateway sees as the client's.
	Address string
	// Secret is sent to the origin in origin.Header; with "" the header is never sent.
	Secret string
	// AllowOrigins are the other origins whose pages may use the API (CORS), for example http://127.0.0.1:5173.
	AllowOrigins []string
	// StripeOrigin is where the pages of the site may connect to for payments, beside Stripe itself.
	StripeOrigin string
	Now          func() time.Time
}

// Edge is the http.Handler. It is safe for concurrent use.
type Edge struct {
	options Options
	policy  edgepolicy.Policy
	cache   *lru.Cache[string, *entry]
	fetches singleflight.Group
}

// cacheEntries bounds the cache. Layouts and availability of 500 concerts fit in.
const cacheEntries = 1024

// New checks the options and returns the edge. The error names each origin that cannot be allowed.
func New(options Options) (http.Handler, error) {
	cache, err := lru.New[string, *entry](cacheEntries)
	if err != nil {
		return nil, fmt.Errorf("edge: %w", err)
	}
	policy, err := edgepolicy.Load()
	if err != nil {
		return nil, err
	}
	handler, err := allowOrigins(policy.CORS, options.AllowOrigins, &Edge{options: options, policy: policy, cache: cache})
	return secure(policy, options.StripeOrigin, handler), err
}

// cacheHeader says how a response was made, in CloudFront's words.
const cacheHeader = "X-Cache"

// Values of cacheHeader.
const (
	hit       = "Hit from cloudfront"
	miss      = "Miss from cloudfront"
	refreshed = "RefreshHit from cloudfront"
	failed    = "Error from cloudfront"
)

// ServeHTTP handles one request.
func (e *Edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.ContentLength != 0 {
		// As CloudFront does with GET. Such a body means nothing, and its sender decides when it ends, so it is not read.
		w.Header().Set("Connection", "close")
		refuse(w, http.StatusForbidden)
		return
	}
	key, cacheable := e.keyOf(r)
	if !cacheable {
		e.pass(w, r)
		return
	}
	got := e.get(key, r)
	w.Header().Set(cacheHeader, got.how)
	if got.how != miss {
		w.Header().Set("Age", ageOf(got.entry, e.options.Now()))
	}
	got.entry.serve(w, r)
}

// fetched is a response of the origin. shared means that it may be given to other requests. how is the value of cacheHeader.
type fetched struct {
	entry  *entry
	shared bool
	how    string
}

// get returns the response for a key. Requests that miss at once share one fetch; if its response may not be shared, each of the
// others makes a fetch of its own.
func (e *Edge) get(key string, r *http.Request) fetched {
	if old, found := e.cache.Get(key); found && old.fresh(e.options.Now()) {
		return fetched{entry: old, shared: true, how: hit}
	}
	own := false
	result, _, _ := e.fetches.Do(key, func() (any, error) {
		own = true
		return e.fetch(key, r), nil
	})
	got, _ := result.(fetched)
	switch {
	case own:
		return got
	case got.shared:
		got.how = hit
		return got
	}
	return e.fetch(key, r)
}

// fetch asks the origin. An entry that is no longer fresh is revalidated by its ETag.
func (e *Edge) fetch(key string, r *http.Request) fetched {
	// The fetch before this one may have ended after this request looked.
	old, found := e.cache.Get(key)
	if found && old.fresh(e.options.Now()) {
		return fetched{entry: old, shared: true, how: hit}
	}
	// Others wait for this fetch, so it goes on when its own client is gone.
	request := e.forward(r).WithContext(context.WithoutCancel(r.Context()))
	request.Method = http.MethodGet
	// A cached response is for everybody, so the origin must not see whose request it is.
	for _, name := range []string{"Authorization", "Cookie", "If-None-Match", "If-Modified-Since", "Accept-Encoding"} {
		request.Header.Del(name)
	}
	if found && old.header.Get("ETag") != "" {
		request.Header.Set("If-None-Match", old.header.Get("ETag"))
	}
	var c capture
	// The time that the origin takes counts too (RFC 9111, 4.2.3): the response is as old as the request at most, and its max-age
	// may end with the change of a status.
	now := e.options.Now()
	e.options.Origin.ServeHTTP(&c, request)
	if found && c.status == http.StatusNotModified {
		renewed := old.renewed(c.Header(), now)
		if renewed.fresh(now) {
			e.cache.Add(key, renewed)
		} else {
			e.cache.Remove(key)
		}
		return fetched{entry: renewed, shared: true, how: refreshed}
	}
	made := newEntry(&c, now)
	if !made.fresh(now) {
		e.cache.Remove(key)
		return fetched{entry: made, how: miss}
	}
	e.cache.Add(key, made)
	return fetched{entry: made, shared: true, how: miss}
}

// refuse answers in the form of the gateway's own errors.
func refuse(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(cacheHeader, failed)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"message":"`+http.StatusText(status)+`"}`) // a failed write means that the client is gone
}

// pass forwards a request that has a response of its own.
func (e *Edge) pass(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(cacheHeader, miss)
	e.options.Origin.ServeHTTP(w, e.forward(r))
}

// forward returns the request as the origin gets it: from the edge, with the viewer's address and the secret.
func (e *Edge) forward(r *http.Request) *http.Request {
	request := r.Clone(r.Context())
	h := request.Header
	h.Set("Cloudfront-Viewer-Address", r.RemoteAddr)
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		h.Add("X-Forwarded-For", host)
	}
	h.Add("Via", "1.1 edge (CloudFront)")
	h.Del(origin.Header)
	if e.options.Secret != "" {
		h.Set(origin.Header, e.options.Secret)
	}
	request.RemoteAddr = e.options.Address
	return request
}
