package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"boxoffice/contracts/origin"
)

// A whole host with an edge: the function gets what the edge adds, and the gateway's own answers keep their form behind it. The
// gateway's address works too, and a request to it does not have the secret.
func TestHostWithEdge(t *testing.T) {
	site := t.TempDir()
	if err := os.WriteFile(filepath.Join(site, "index.html"), []byte("<p>site"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startStack(t, "--edge", "127.0.0.1:0", "--site", site, "--allow-origin", "http://127.0.0.1:5173", "--throttle-rate", "0.001", "--throttle-burst", "4")
	if s.edge == "" || s.edge == s.gateway {
		t.Fatalf("edge %q, gateway %q", s.edge, s.gateway)
	}
	type seen struct{ Headers map[string]string }
	function := func(address string) seen {
		t.Helper()
		status, body, _ := call(t, http.MethodGet, address+"/api/other", "")
		var event seen
		if err := json.Unmarshal([]byte(body), &event); err != nil || status != 200 {
			t.Fatalf("%d %s: %v", status, body, err)
		}
		return event
	}
	if h := function(s.edge).Headers; h[strings.ToLower(origin.Header)] != originSecret || !strings.HasPrefix(h["cloudfront-viewer-address"], "127.0.0.1:") {
		t.Errorf("through the edge the function gets %v", h)
	}
	if h := function(s.gateway).Headers; h[strings.ToLower(origin.Header)] != "" {
		t.Errorf("past the edge the function gets %v", h)
	}
	status, body, header := call(t, http.MethodGet, s.edge+"/api/mine", "")
	if status != 401 || body != `{"message":"Unauthorized"}` || header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("without a token: %d %s %v", status, body, header)
	}
	if status, body, _ := call(t, http.MethodGet, s.edge+"/concerts/a-page", ""); status != 200 || body != "<p>site" {
		t.Errorf("a page of the site: %d %s", status, body)
	}
	// The throttle allows four requests to routes, of which three are used.
	for _, want := range []int{200, 429} {
		status, body, header := call(t, http.MethodGet, s.edge+"/api/other", "")
		if status != want || status == 429 && (body != `{"message":"Too Many Requests"}` || header.Get("Content-Type") != "application/json") {
			t.Errorf("%d %s, want %d", status, body, want)
		}
	}
}
