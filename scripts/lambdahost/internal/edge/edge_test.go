package edge_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/contracts/origin"
	"boxoffice/scripts/lambdahost/internal/edge"
)

const secret = "the-secret-of-the-origin-of-these-tests"

// site is an edge behind a real server, and an origin that counts.
type site struct {
	address string
	handler http.Handler
	asked   atomic.Int64
	last    atomic.Pointer[http.Request]

	mu  sync.Mutex
	now time.Time
}

func (s *site) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func newSite(t *testing.T, answer http.HandlerFunc, change func(*edge.Options)) *site {
	t.Helper()
	s := &site{now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
	options := edge.Options{
		Origin: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.asked.Add(1)
			s.last.Store(r)
			answer(w, r)
		}),
		Address: "127.0.0.1:8080", Secret: secret,
		Now: func() time.Time { s.mu.Lock(); defer s.mu.Unlock(); return s.now },
	}
	if change != nil {
		change(&options)
	}
	var err error
	if s.handler, err = edge.New(options); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.handler)
	t.Cleanup(server.Close)
	s.address = server.URL
	return s
}

type answer struct {
	status int
	header http.Header
	body   string
}

// call makes a request with headers given as "Name: value". The transport adds no Accept-Encoding of its own.
func (s *site) call(t testing.TB, method, path string, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.address+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		request.Header.Set(name, value)
	}
	response, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

const (
	availability = "/api/concerts/nocturne-2030/availability"
	layout       = "/api/concerts/nocturne-2030/layout"
)

func public(control string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", control)
		_, _ = fmt.Fprintf(w, `{"path":%q,"query":%q}`, r.URL.Path, r.URL.RawQuery)
	}
}

// A public response is kept for its max-age, says how old it is, and is fetched again when that is over.
func TestPublicResponseIsKeptForItsMaxAge(t *testing.T) {
	s := newSite(t, public("public, max-age=2"), nil)
	for i, step := range []struct {
		wait       time.Duration
		how, age   string
		askedSoFar int64
	}{
		{0, "Miss from cloudfront", "", 1},
		{0, "Hit from cloudfront", "0", 1},
		{1999 * time.Millisecond, "Hit from cloudfront", "1", 1},
		{time.Millisecond, "Miss from cloudfront", "", 2},
		{time.Second, "Hit from cloudfront", "1", 2},
	} {
		s.pass(step.wait)
		got := s.call(t, http.MethodGet, availability)
		if got.status != 200 || got.header.Get("X-Cache") != step.how || got.header.Get("Age") != step.age || s.asked.Load() != step.askedSoFar {
			t.Errorf("step %d: %d, %s, age %q, origin asked %d times", i, got.status, got.header.Get("X-Cache"), got.header.Get("Age"), s.asked.Load())
		}
		if i == 1 && got.header.Get("Date") != "Wed, 02 Jan 2030 03:04:05 GMT" {
			t.Errorf("a kept response has the date %s", got.header.Get("Date"))
		}
	}
}

// What is one client's own, an error, or marked so, reaches the origin each time.
func TestPrivateResponseIsNeverKept(t *testing.T) {
	const order = "/api/orders/1"
	for name, c := range map[string]struct {
		path   string
		answer http.HandlerFunc
	}{
		"an order, even if its headers allow it": {order, public("public, max-age=60")},
		"the account":                            {"/api/me", public("public, max-age=60")},
		"operators":                              {"/api/ops/overview", public("public, max-age=60")},
		"private":                                {availability, public("private, max-age=60")},
		"no-store":                               {availability, public("no-store, max-age=60")},
		"no-cache":                               {availability, public("no-cache, max-age=60")},
		"no header":                              {availability, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }},
		"max-age=0":                              {availability, public("public, max-age=0")},
		"s-maxage=0":                             {availability, public("public, max-age=60, s-maxage=0")},
		"an unreadable max-age":                  {availability, public("public, max-age=soon")},
		"with a cookie": {availability, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Set-Cookie", "session=1")
			public("public, max-age=60")(w, r)
		}},
		"an error": {availability, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "public, max-age=60")
			w.WriteHeader(http.StatusNotFound)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, c.answer, nil)
			for range 3 {
				if got := s.call(t, http.MethodGet, c.path, "Authorization: Bearer a"); got.header.Get("X-Cache") != "Miss from cloudfront" || got.header.Get("Age") != "" {
					t.Errorf("%v", got.header)
				}
			}
			if s.asked.Load() != 3 {
				t.Errorf("the origin was asked %d times", s.asked.Load())
			}
		})
	}
}

// A kept response was made without a client's token or cookie; a private one needs both.
func TestOriginSeesNoClientBehindAPublicResponse(t *testing.T) {
	s := newSite(t, public("public, max-age=2"), nil)
	s.call(t, http.MethodGet, availability, "Authorization: Bearer a", "Cookie: b=c", "If-None-Match: W/\"x\"")
	for _, name := range []string{"Authorization", "Cookie", "If-None-Match"} {
		if got := s.last.Load().Header.Get(name); got != "" {
			t.Errorf("%s is %q", name, got)
		}
	}
	s.call(t, http.MethodGet, "/api/me", "Authorization: Bearer a", "Cookie: b=c")
	if h := s.last.Load().Header; h.Get("Authorization") != "Bearer a" || h.Get("Cookie") != "b=c" {
		t.Errorf("for a private response: %v", h)
	}
}

// The key is the path, and the parameters that change the response, in any order. A request with another parameter reaches the
// function, which refuses it.
func TestKeyIsThePathAndTheParametersOfItsRoute(t *testing.T) {
	s := newSite(t, public("public, max-age=60"), nil)
	for _, c := range []struct {
		path  string
		asked int64
	}{
		{layout, 1},
		{layout, 1},
		{layout + "?version=1", 2},
		{layout + "?version=1", 2},
		{layout + "?version=2", 3},
		{layout + "?version=1&x=1", 4},
		{layout + "?version=1&x=1", 5},
		{layout + "?version=1&version=1", 6},
		{"/api/concerts/other/layout?version=1", 7},
		{availability, 8},
		{availability, 8},
		{availability + "?version=1", 9},
		{availability + "?", 9},
		{"/api/concerts?city=Paris&limit=5", 10},
		{"/api/concerts?limit=5&city=Paris", 10},
		{"/api/concerts?city=Lyon&limit=5", 11},
		{"/api/concerts?city=%zz", 12},
		{"/api/concerts?city=%zz", 13},
		{"/api/concerts?city=a;limit=5", 14},
		{"/api/concerts?city=a;limit=5", 15},
	} {
		if s.call(t, http.MethodGet, c.path); s.asked.Load() != c.asked {
			t.Fatalf("after %s the origin was asked %d times, want %d", c.path, s.asked.Load(), c.asked)
		}
	}
}

// However many viewers miss at once, the origin is asked once.
func TestConcurrentMissesAreOneFetch(t *testing.T) {
	const viewers = 50
	release, arrived := make(chan struct{}), make(chan struct{}, viewers)
	s := newSite(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
		public("public, max-age=1")(w, r)
	}, nil)
	var all sync.WaitGroup
	for range viewers {
		all.Go(func() {
			if got := s.call(t, http.MethodGet, availability); got.status != 200 || !strings.Contains(got.body, availability) {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
	<-arrived
	time.Sleep(100 * time.Millisecond) // the others come meanwhile; were one late, it would hit
	close(release)
	all.Wait()
	if s.asked.Load() != 1 {
		t.Errorf("the origin was asked %d times by %d viewers", s.asked.Load(), viewers)
	}
}

// Requests that waited for a response that nobody else may have ask for themselves.
func TestCollapsedRequestsDoNotShareAPrivateResponse(t *testing.T) {
	const viewers = 8
	var n atomic.Int64
	s := newSite(t, func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(50 * time.Millisecond)
		w.Header().Set("Cache-Control", "no-store")
		_, _ = fmt.Fprint(w, n.Add(1))
	}, nil)
	var all sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]bool{}
	for range viewers {
		all.Go(func() {
			got := s.call(t, http.MethodGet, availability)
			mu.Lock()
			defer mu.Unlock()
			seen[got.body] = true
		})
	}
	all.Wait()
	if len(seen) != viewers {
		t.Errorf("%d viewers got %d responses", viewers, len(seen))
	}
}

// A kept response answers 304 itself; when it is no longer fresh, the origin is asked whether it has changed.
func TestRevalidation(t *testing.T) {
	var tag atomic.Value
	tag.Store(`W/"1"`)
	s := newSite(t, func(w http.ResponseWriter, r *http.Request) {
		current, _ := tag.Load().(string)
		w.Header().Set("ETag", current)
		w.Header().Set("Cache-Control", "public, max-age=1")
		if r.Header.Get("If-None-Match") == current {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = io.WriteString(w, "body of "+current)
	}, nil)
	check := func(what string, got answer, status int, body, how string, asked int64) {
		t.Helper()
		if got.status != status || got.body != body || got.header.Get("X-Cache") != how || s.asked.Load() != asked || got.header.Get("Cache-Control") != "public, max-age=1" {
			t.Errorf("%s: %d %q %s, asked %d times, %v", what, got.status, got.body, got.header.Get("X-Cache"), s.asked.Load(), got.header)
		}
	}
	check("first", s.call(t, http.MethodGet, availability, `If-None-Match: W/"0"`), 200, `body of W/"1"`, "Miss from cloudfront", 1)
	got := s.call(t, http.MethodGet, availability, `If-None-Match: W/"0", "1"`)
	check("same tag", got, 304, "", "Hit from cloudfront", 1)
	if got.header.Get("ETag") != `W/"1"` || got.header.Get("Age") != "0" {
		t.Errorf("304 with %v", got.header)
	}
	s.pass(time.Second)
	check("not fresh, unchanged", s.call(t, http.MethodGet, availability), 200, `body of W/"1"`, "RefreshHit from cloudfront", 2)
	check("fresh again", s.call(t, http.MethodGet, availability), 200, `body of W/"1"`, "Hit from cloudfront", 2)
	s.pass(time.Second)
	tag.Store(`W/"2"`)
	check("changed", s.call(t, http.MethodGet, availability, `If-None-Match: W/"1"`), 200, `body of W/"2"`, "Miss from cloudfront", 3)
	check("kept", s.call(t, http.MethodGet, availability, `If-None-Match: W/"2"`), 304, "", "Hit from cloudfront", 3)
}

// The origin knows the edge by the secret, whatever a client sends, and gets the client's address from the edge alone.
func TestOriginRecognisesTheEdge(t *testing.T) {
	for name, secret := range map[string]string{"with a secret": secret, "without": ""} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, public("no-store"), func(o *edge.Options) { o.Secret = secret })
			for _, path := range []string{"/api/me", availability} {
				s.call(t, http.MethodGet, path, origin.Header+": forged", "CloudFront-Viewer-Address: 1.2.3.4:5", "X-Forwarded-For: 5.6.7.8")
				r := s.last.Load()
				if got := r.Header.Get(origin.Header); got != secret {
					t.Errorf("%s: the origin's header is %q", path, got)
				}
				viewer := r.Header.Get("CloudFront-Viewer-Address")
				if !strings.HasPrefix(viewer, "127.0.0.1:") || r.RemoteAddr != "127.0.0.1:8080" {
					t.Errorf("%s: viewer %q, client of the origin %q", path, viewer, r.RemoteAddr)
				}
				if got := strings.Join(r.Header["X-Forwarded-For"], ","); got != "5.6.7.8,127.0.0.1" {
					t.Errorf("%s: X-Forwarded-For is %q", path, got)
				}
			}
		})
	}
}

// HEAD has the headers of GET and no body, from the cache too.
func TestHEADHasTheHeadersOfGET(t *testing.T) {
	s := newSite(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "public, max-age=60")
		_, _ = io.WriteString(w, `"`+strings.Repeat("x", 5000)+`"`)
	}, nil)
	for _, coding := range []string{"identity", "gzip", "br"} {
		head := s.call(t, http.MethodHead, availability, "Accept-Encoding: "+coding)
		get := s.call(t, http.MethodGet, availability, "Accept-Encoding: "+coding)
		if head.body != "" || head.status != 200 || head.header.Get("Content-Length") != fmt.Sprint(len(get.body)) {
			t.Errorf("%s: HEAD %d with %d bytes, Content-Length %s, GET has %d", coding, head.status, len(head.body), head.header.Get("Content-Length"), len(get.body))
		}
		if head.header.Get("Content-Encoding") != get.header.Get("Content-Encoding") || head.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: HEAD %v, GET %v", coding, head.header, get.header)
		}
	}
	if s.asked.Load() != 1 {
		t.Errorf("the origin was asked %d times", s.asked.Load())
	}
}

// A client that goes away does not end a fetch that others wait for.
func TestFetchOutlivesItsClient(t *testing.T) {
	release := make(chan struct{})
	var failed atomic.Bool
	s := newSite(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
			failed.Store(true)
		}
		public("public, max-age=60")(w, r)
	}, nil)
	gone, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(gone, http.MethodGet, s.address+availability, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if response, err := http.DefaultTransport.RoundTrip(request); err == nil {
			_ = response.Body.Close()
		}
	}()
	for s.asked.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	<-done
	time.Sleep(50 * time.Millisecond) // the server notices the closed connection
	close(release)
	if got := s.call(t, http.MethodGet, availability); got.status != 200 || failed.Load() || s.asked.Load() != 1 {
		t.Errorf("%d, fetch ended with its client: %t, asked %d times", got.status, failed.Load(), s.asked.Load())
	}
}

// The handshake of a WebSocket is passed on, however often, with what proves that it came through the edge.
func TestHandshakesArePassedOn(t *testing.T) {
	s := newSite(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=60")
		w.WriteHeader(http.StatusForbidden)
	}, nil)
	for range 2 {
		if a := s.call(t, http.MethodGet, "/push", "Connection: Upgrade", "Upgrade: websocket", "X-Origin-Secret: mine"); a.status != http.StatusForbidden || a.header.Get("X-Cache") != "Miss from cloudfront" {
			t.Errorf("%+v", a)
		}
		if got := s.last.Load().Header.Values(origin.Header); len(got) != 1 || got[0] != secret {
			t.Errorf("the origin got %v", got)
		}
	}
	if n := s.asked.Load(); n != 2 {
		t.Errorf("%d of 2 handshakes reached the origin", n)
	}
}
