package edge_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
)

func decoded(t *testing.T, a answer) string {
	t.Helper()
	var reader io.Reader = strings.NewReader(a.body)
	switch a.header.Get("Content-Encoding") {
	case "gzip":
		unpacked, err := gzip.NewReader(reader)
		if err != nil {
			t.Fatal(err)
		}
		reader = unpacked
	case "br":
		reader = brotli.NewReader(reader)
	}
	body, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func sized(kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Cache-Control", "public, max-age=60")
		w.Header().Set("ETag", `"strong"`)
		_, _ = io.WriteString(w, body)
	}
}

// Each client gets a coding that it accepts, br before gzip, and every cache on the way learns what the response depends on.
func TestClientGetsACodingThatItAccepts(t *testing.T) {
	body := `{"seats":"` + strings.Repeat("AAAA", 2000) + `"}`
	s := newSite(t, sized("application/json", body), nil)
	for accept, want := range map[string]string{
		"br": "br", "gzip": "gzip", "gzip, deflate, br, zstd": "br", "GZIP": "gzip", "br;q=0, gzip": "gzip", "gzip;q=1.0, br;q=0.5": "br",
		"br;q=0, *": "gzip", "*": "br", "*;q=0": "", "identity": "", "deflate": "", "": "", "br;q=x": "", "gzip;q=0": "", "br;q=0.001": "br",
	} {
		got := s.call(t, http.MethodGet, layout, "Accept-Encoding: "+accept)
		if got.header.Get("Content-Encoding") != want || decoded(t, got) != body {
			t.Errorf("%q: Content-Encoding %q, %d bytes", accept, got.header.Get("Content-Encoding"), len(got.body))
		}
		if want != "" && len(got.body) > len(body)/10 {
			t.Errorf("%q: %d bytes of %d", accept, len(got.body), len(body))
		}
		if !strings.Contains(strings.Join(got.header["Vary"], ","), "Accept-Encoding") {
			t.Errorf("%q: Vary is %v", accept, got.header["Vary"])
		}
		tag := `"strong"`
		if want != "" {
			tag = "W/" + tag
		}
		if got.header.Get("ETag") != tag {
			t.Errorf("%q: ETag %s, want %s", accept, got.header.Get("ETag"), tag)
		}
		if same := s.call(t, http.MethodGet, layout, "Accept-Encoding: "+accept, "If-None-Match: "+tag); same.status != http.StatusNotModified || same.body != "" {
			t.Errorf("%q with %s: %d", accept, tag, same.status)
		}
	}
	if s.asked.Load() != 1 {
		t.Errorf("the origin was asked %d times", s.asked.Load())
	}
}

func TestWhatIsNotWorthItIsNotCompressed(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for name, c := range map[string]struct {
		kind, body string
		want       string
	}{
		"1,000 bytes":    {"application/json", long, "br"},
		"999 bytes":      {"application/json", long[1:], ""},
		"an image":       {"image/png", long, ""},
		"a font":         {"font/woff2", long, ""},
		"a script":       {"text/javascript; charset=utf-8", long, "br"},
		"no type at all": {"", long, ""},
	} {
		s := newSite(t, sized(c.kind, c.body), nil)
		got := s.call(t, http.MethodGet, layout, "Accept-Encoding: br")
		if got.header.Get("Content-Encoding") != c.want || !bytes.Equal([]byte(decoded(t, got)), []byte(c.body)) {
			t.Errorf("%s: Content-Encoding %q, %d bytes", name, got.header.Get("Content-Encoding"), len(got.body))
		}
	}
}

// A private response is not compressed: with a secret beside a text that an attacker chooses, its length would tell the secret.
func TestPrivateResponseIsNotCompressed(t *testing.T) {
	s := newSite(t, sized("application/json", strings.Repeat("x", 5000)), nil)
	if got := s.call(t, http.MethodGet, "/api/orders/1", "Accept-Encoding: br, gzip"); got.header.Get("Content-Encoding") != "" || len(got.body) != 5000 {
		t.Errorf("%v, %d bytes", got.header, len(got.body))
	}
}
