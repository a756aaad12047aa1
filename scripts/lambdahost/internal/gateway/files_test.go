package gateway

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFiles(t *testing.T) {
	directory := t.TempDir()
	site, known := filepath.Join(directory, "site"), filepath.Join(directory, "known")
	write(t, filepath.Join(directory, "secret.txt"), "secret")
	write(t, filepath.Join(site, "index.html"), "<p>site")
	write(t, filepath.Join(site, "assets", "app.js"), "let a")
	write(t, filepath.Join(known, "openid-configuration"), `{"issuer":"x"}`)
	write(t, filepath.Join(known, "notes"), "plain words")
	if err := os.Symlink(filepath.Join(directory, "secret.txt"), filepath.Join(site, "link.txt")); err != nil {
		t.Fatal(err)
	}
	var all []*Files
	for prefix, folder := range map[string]string{"/": site, "/api/.well-known": known} {
		f, err := OpenFiles(prefix, folder)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		all = append(all, f)
	}
	g, _ := newGateway(t, Options{Files: all}, `{"statusCode":404,"body":"from the function"}`, nil)
	for _, c := range []struct {
		method, path string
		status       int
		kind, body   string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8", "<p>site"},
		{"GET", "/assets/app.js", 200, "text/javascript; charset=utf-8", "let a"},
		{"HEAD", "/assets/app.js", 200, "text/javascript; charset=utf-8", ""},
		{"GET", "/api/.well-known/openid-configuration", 200, "application/json", `{"issuer":"x"}`},
		{"GET", "/api/.well-known/notes", 200, "text/plain; charset=utf-8", "plain words"},
		{"GET", "/assets", 404, "text/plain;charset=UTF-8", "from the function"},
		{"GET", "/assets/", 404, "text/plain;charset=UTF-8", "from the function"},
		{"POST", "/assets/app.js", 404, "text/plain;charset=UTF-8", "from the function"},
		{"GET", "/link.txt", 404, "text/plain;charset=UTF-8", "from the function"},
		{"GET", "/../secret.txt", 404, "text/plain;charset=UTF-8", "from the function"},
		{"GET", "/%2e%2e/secret.txt", 404, "text/plain;charset=UTF-8", "from the function"},
		{"GET", "/api/.well-knownnotes", 404, "text/plain;charset=UTF-8", "from the function"},
	} {
		r := do(g, httptest.NewRequest(c.method, c.path, nil))
		if body := r.Body.String(); r.Code != c.status || r.Header().Get("Content-Type") != c.kind || body != c.body {
			t.Errorf("%s %s: %d %s %q", c.method, c.path, r.Code, r.Header().Get("Content-Type"), body)
		}
	}
	if _, err := OpenFiles("/", filepath.Join(directory, "absent")); err == nil {
		t.Error("an absent folder was accepted")
	}
	if _, err := OpenFiles("api", site); err == nil {
		t.Error("a prefix without a slash was accepted")
	}
	if r := do(g, httptest.NewRequest(http.MethodGet, "/assets/app.js", nil)); r.Header().Get("Apigw-Requestid") != "" {
		t.Error("a file has the id of an API request")
	}
}
