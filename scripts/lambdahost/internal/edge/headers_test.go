package edge_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"boxoffice/scripts/lambdahost/internal/edge"
)

// Every response has the security headers: kept ones, private ones, errors, and those of the gateway itself.
func TestEveryResponseHasTheSecurityHeaders(t *testing.T) {
	s := newSite(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/none" {
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"message":"Too Many Requests"}`)
			return
		}
		public("public, max-age=60")(w, r)
	}, func(o *edge.Options) { o.StripeOrigin = "http://127.0.0.1:12111" })
	for _, path := range []string{availability, availability, "/api/me", "/api/none", "/", "/concerts/x"} {
		got := s.call(t, http.MethodGet, path)
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "strict-origin-when-cross-origin"} {
			if got.header.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, got.header.Get(name))
			}
		}
		policy := got.header.Get("Content-Security-Policy")
		api := strings.HasPrefix(path, "/api")
		if !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "default-src 'none'") != api || strings.Contains(policy, "http://127.0.0.1:12111") == api {
			t.Errorf("%s: policy %q", path, policy)
		}
		if got.header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: Strict-Transport-Security over http", path)
		}
	}
	if got := s.call(t, http.MethodGet, "/api/none"); got.status != 429 || got.body != `{"message":"Too Many Requests"}` {
		t.Errorf("the gateway's own response became %d %s", got.status, got.body)
	}
}

// Pages of the listed origins may use the API with cookies; other pages may not, and neither learns from a kept response.
func TestOnlyListedOriginsMayUseTheAPI(t *testing.T) {
	const listed = "http://127.0.0.1:5173"
	s := newSite(t, public("public, max-age=60"), func(o *edge.Options) { o.AllowOrigins = []string{listed} })
	for _, path := range []string{availability, availability, "/api/me"} {
		for from, want := range map[string]string{listed: listed, "http://evil.example": "", "null": "", "": "", "http://127.0.0.1:51730": ""} {
			got := s.call(t, http.MethodGet, path, "Origin: "+from)
			if allowed := got.header.Get("Access-Control-Allow-Origin"); got.status != 200 || allowed != want || (got.header.Get("Access-Control-Allow-Credentials") == "true") != (want != "") {
				t.Errorf("%s from %q: %d, %v", path, from, got.status, got.header)
			}
			if !strings.Contains(strings.Join(got.header["Vary"], ","), "Origin") {
				t.Errorf("%s from %q: Vary %v", path, from, got.header["Vary"])
			}
		}
	}
	before := s.asked.Load()
	for from, want := range map[string]string{listed: listed, "http://evil.example": "", "null": "", listed + ".evil.example": ""} {
		got := s.call(t, http.MethodOptions, "/api/orders", "Origin: "+from, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization,content-type,idempotency-key")
		if got.header.Get("Access-Control-Allow-Origin") != want || got.status != http.StatusNoContent {
			t.Errorf("preflight from %s: %d, %v", from, got.status, got.header)
		}
		if got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("Access-Control-Allow-Origin") == "*" {
			t.Errorf("preflight from %s: %v", from, got.header)
		}
	}
	if s.asked.Load() != before {
		t.Error("a preflight reached the origin")
	}
}

func TestWithoutAListThereIsNoCORS(t *testing.T) {
	s := newSite(t, public("public, max-age=60"), nil)
	if got := s.call(t, http.MethodGet, availability, "Origin: http://127.0.0.1:5173"); got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%v", got.header)
	}
}

func TestOriginsThatCannotBeListedAreRefused(t *testing.T) {
	for _, bad := range []string{"*", "http://*", "example.com", "http://example.com/", "http://example.com/path", "null", "ftp://example.com"} {
		if _, err := edge.New(edge.Options{AllowOrigins: []string{bad}}); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Strict-Transport-Security is sent where the connection is one of TLS, and never over http, where it must not be (RFC 6797, 7.2).
func TestBrowsersAreToldToStayWithHTTPS(t *testing.T) {
	s := newSite(t, public("no-store"), nil)
	server := httptest.NewTLSServer(s.handler)
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/me", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close() // nothing is read
	if got := response.Header.Get("Strict-Transport-Security"); !strings.HasPrefix(got, "max-age=") {
		t.Errorf("over https: %q", got)
	}
	if got := s.call(t, http.MethodGet, "/api/me").header.Get("Strict-Transport-Security"); got != "" {
		t.Errorf("over http: %q", got)
	}
}
