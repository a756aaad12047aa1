package edge_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"boxoffice/contracts/origin"
	"boxoffice/scripts/lambdahost/internal/edge"
)

// raw sends bytes on a connection of its own and returns the answers to that many requests.
func (s *site) raw(t *testing.T, text string, requests ...string) []answer {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // only read
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	reader, all := bufio.NewReader(c), []answer{}
	for _, method := range requests {
		response, err := http.ReadResponse(reader, &http.Request{Method: method}) //nolint:bodyclose // the connection is closed, and the test reads it to its end
		if err != nil {
			t.Fatalf("answer %d: %v", len(all)+1, err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, answer{response.StatusCode, response.Header, string(body)})
	}
	return all
}

// A client that announces a body and never sends it must not make others wait, who ask for the same. CloudFront refuses a GET with
// a body.
func TestBodyThatNeverComesHoldsUpNobody(t *testing.T) {
	// The origin reads the whole body, as the gateway does.
	s := newSite(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		public("public, max-age=1")(w, r)
	}, nil)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, line := range []string{"Content-Length: 5", "Transfer-Encoding: chunked"} {
			got := s.raw(t, method+" "+availability+" HTTP/1.1\r\nHost: x\r\n"+line+"\r\n\r\n", method)[0]
			want := `{"message":"Forbidden"}`
			if method == http.MethodHead {
				want = ""
			}
			if got.status != http.StatusForbidden || got.body != want || got.header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s with %s: %d %s", method, line, got.status, got.body)
			}
		}
	}
	if got := s.call(t, http.MethodGet, availability); got.status != http.StatusOK || s.asked.Load() != 1 {
		t.Errorf("another viewer: %d %s, the origin was asked %d times", got.status, got.body, s.asked.Load())
	}
}

// The time that the origin took to answer counts: its max-age ends with the change of a status, which the copy must not outlive.
func TestSlowResponseIsKeptNoLonger(t *testing.T) {
	var s *site
	s = newSite(t, func(w http.ResponseWriter, r *http.Request) {
		s.pass(1500 * time.Millisecond)
		public("public, max-age=2")(w, r)
	}, nil)
	s.call(t, http.MethodGet, availability)
	if got := s.call(t, http.MethodGet, availability); got.header.Get("X-Cache") != "Hit from cloudfront" || got.header.Get("Age") != "1" {
		t.Errorf("1.5 s after the request: %v", got.header)
	}
	s.pass(500 * time.Millisecond)
	if got := s.call(t, http.MethodGet, availability); got.header.Get("X-Cache") != "Miss from cloudfront" {
		t.Errorf("2 s after the request: %v", got.header)
	}
}

// An origin that fails is shown as it is, with its Retry-After, though there is an old copy: a page keeps what it has and says that
// it is old, while an old map would pass for the present one. When the origin is back, so is its response.
func TestOldResponseDoesNotHideAFailure(t *testing.T) {
	failing := false
	s := newSite(t, func(w http.ResponseWriter, r *http.Request) {
		if failing {
			w.Header().Set("Retry-After", "1")
			w.Header().Set("Cache-Control", "no-store")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		public("public, max-age=1")(w, r)
	}, nil)
	for _, want := range []int{200, 503, 503, 200} {
		failing = want == 503
		if got := s.call(t, http.MethodGet, availability); got.status != want || (got.header.Get("Retry-After") != "") != failing || got.header.Get("X-Content-Type-Options") == "" {
			t.Errorf("%d, want %d: %v", got.status, want, got.header)
		}
		s.pass(time.Second)
	}
}

// Requests as other programs send them: old ones, several at once, and with the whole address.
func TestFormsOfARequest(t *testing.T) {
	s := newSite(t, public("public, max-age=60"), nil)
	old := s.raw(t, "GET "+availability+" HTTP/1.0\r\n\r\n", http.MethodGet)[0]
	if old.status != 200 || !strings.Contains(old.body, availability) {
		t.Errorf("HTTP/1.0: %d %s", old.status, old.body)
	}
	whole := s.raw(t, "GET http://elsewhere.example"+availability+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", http.MethodGet)[0]
	if whole.status != 200 || whole.body != old.body || whole.header.Get("X-Cache") != "Hit from cloudfront" {
		t.Errorf("the whole address: %d %s %v", whole.status, whole.body, whole.header)
	}
	pipe := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: x\r\n\r\nHEAD %s HTTP/1.1\r\nHost: x\r\n\r\nGET /api/me HTTP/1.1\r\nHost: x\r\n\r\nGET %s HTTP/1.1\r\nHost: x\r\n\r\n", availability, availability, layout)
	all := s.raw(t, pipe, http.MethodGet, http.MethodHead, http.MethodGet, http.MethodGet)
	for i, want := range []string{availability, "", "/api/me", layout} {
		if all[i].status != 200 || !strings.Contains(all[i].body, want) || (want == "") != (all[i].body == "") {
			t.Errorf("request %d of a pipeline: %d %s, want %s", i+1, all[i].status, all[i].body, want)
		}
	}
	if s.asked.Load() != 3 {
		t.Errorf("the origin was asked %d times, want 3", s.asked.Load())
	}
}

// What a client writes of the edge's own headers never reaches the origin: in any case, several times, or named as a header of
// the connection. A proxy that dropped the headers which Connection names could be made to drop the secret.
func TestClientCannotForgeTheEdge(t *testing.T) {
	s := newSite(t, public("no-store"), nil)
	for _, path := range []string{"/api/me", availability} {
		got := s.raw(t, "GET "+path+" HTTP/1.1\r\nHost: x\r\nx-origin-SECRET: forged\r\nX-Origin-Secret: again\r\ncloudfront-viewer-address: 1.2.3.4:5\r\n"+
			"CloudFront-Viewer-Address: 1.2.3.4:6\r\nConnection: X-Origin-Secret, CloudFront-Viewer-Address, close\r\n\r\n", http.MethodGet)[0]
		h := s.last.Load().Header
		if got.status != 200 || strings.Join(h[http.CanonicalHeaderKey(origin.Header)], ",") != secret {
			t.Errorf("%s: %d, the origin got %v", path, got.status, h)
		}
		if viewer := strings.Join(h[http.CanonicalHeaderKey("CloudFront-Viewer-Address")], ","); !strings.HasPrefix(viewer, "127.0.0.1:") || strings.Contains(viewer, ",") {
			t.Errorf("%s: the viewer is %s", path, viewer)
		}
	}
}

// No spelling of a path makes a private response one that is kept, whatever its headers say.
func TestTricksOfAPathAreNotKept(t *testing.T) {
	s := newSite(t, public("public, max-age=60"), func(o *edge.Options) { o.Secret = secret })
	asked := int64(0)
	for _, path := range []string{
		"/api/concerts/../me", "/api/concerts/%2e%2e/me", "/api/me;/api/concerts", "/api/concerts/x/availability/../../../me", "//api/me", "/x/../api/me", "/api//concerts",
		"/api/concerts/", "/api/concerts//availability", "/api/concerts/x%2flayout/y", "/api%2fconcerts", "/api/orders/x/layout", "/api/me?city=Paris", "/api/concerts;version=1",
	} {
		for range 2 {
			asked++
			if got := s.raw(t, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", http.MethodGet)[0]; got.header.Get("X-Cache") != "Miss from cloudfront" || s.asked.Load() != asked {
				t.Errorf("%s: %v, the origin was asked %d times, want %d", path, got.header, s.asked.Load(), asked)
			}
		}
	}
}
