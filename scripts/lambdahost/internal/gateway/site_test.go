package gateway

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A page of the site has no file of its own: it gets index.html. Files that do not exist and the API stay with the routes.
func TestSiteAnswersDeepLinks(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "index.html"), "<p>site")
	write(t, filepath.Join(folder, "assets", "app-1a2b3c.js"), "let a")
	write(t, filepath.Join(folder, "robots.txt"), "all")
	write(t, filepath.Join(folder, "config.json"), "{}")
	site, err := OpenSite(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = site.Close() }()
	g, _ := newGateway(t, Options{Files: []*Files{site}}, `{"statusCode":404,"body":"from the function"}`, nil)
	const fresh, kept = "no-cache", "public, max-age=31536000, immutable"
	for _, c := range []struct {
		method, path string
		status       int
		control      string
		body         string
	}{
		{"GET", "/", 200, fresh, "<p>site"},
		{"GET", "/concerts/nocturne-2030", 200, fresh, "<p>site"},
		{"GET", "/concerts/nocturne-2030/", 200, fresh, "<p>site"},
		{"GET", "/assets", 200, fresh, "<p>site"},
		{"GET", "/apiary", 200, fresh, "<p>site"},
		{"HEAD", "/me/orders", 200, fresh, ""},
		{"GET", "/robots.txt", 200, fresh, "all"},
		{"GET", "/assets/app-1a2b3c.js", 200, kept, "let a"},
		{"GET", "/assets/app-gone.js", 404, "", "from the function"},
		{"GET", "/favicon.ico", 404, "", "from the function"},
		{"POST", "/concerts/nocturne-2030", 404, "", "from the function"},
		{"GET", "/api", 404, "", "from the function"},
		{"GET", "/api/unknown", 404, "", "from the function"},
		{"GET", "/%2e%2e/etc/passwd", 200, fresh, "<p>site"},
		{"GET", "/concerts/%00", 200, fresh, "<p>site"},
		{"GET", "/config.json", 200, fresh, "{}"},
		// These are the API's, however they are spelt: a client gets no page for data.
		{"GET", "//api/orders", 404, "", "from the function"},
		{"GET", "/concerts/../api/orders", 404, "", "from the function"},
		{"GET", "/concerts/%2e%2e/api/orders", 404, "", "from the function"},
		{"GET", "/./api", 404, "", "from the function"},
		{"GET", "/api%2forders", 404, "", "from the function"},
		{"GET", "/api/../index.html", 200, fresh, "<p>site"},
	} {
		r := do(g, httptest.NewRequest(c.method, c.path, nil))
		if r.Code != c.status || r.Header().Get("Cache-Control") != c.control || r.Body.String() != c.body {
			t.Errorf("%s %s: %d %q %q", c.method, c.path, r.Code, r.Header().Get("Cache-Control"), r.Body)
		}
	}
}

// A browser that has a file asks whether it has changed, and a file that was built again is another one, whatever its size.
func TestFileHasAVersion(t *testing.T) {
	folder := t.TempDir()
	page := filepath.Join(folder, "index.html")
	write(t, page, "<p>one")
	site, err := OpenSite(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = site.Close() }()
	g, _ := newGateway(t, Options{Files: []*Files{site}}, `{}`, nil)
	get := func(tag string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/me/orders", nil)
		r.Header.Set("If-None-Match", tag)
		return do(g, r)
	}
	first := get("").Header().Get("ETag")
	if !strings.HasPrefix(first, `"`) {
		t.Fatalf("ETag %s, want a strong one", first)
	}
	if same := get(first); same.Code != 304 || same.Body.Len() > 0 || same.Header().Get("Cache-Control") != "no-cache" {
		t.Errorf("unchanged: %d %v", same.Code, same.Header())
	}
	write(t, page, "<p>two")
	if err := os.Chtimes(page, time.Time{}, time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if changed := get(first); changed.Code != 200 || changed.Body.String() != "<p>two" || changed.Header().Get("ETag") == first {
		t.Errorf("changed: %d %s %v", changed.Code, changed.Body, changed.Header())
	}
}

func TestFolderWithoutIndexIsNoSite(t *testing.T) {
	if _, err := OpenSite(t.TempDir()); err == nil {
		t.Error("it was accepted")
	}
}
