package edge

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// behaviour is a cache behaviour of the distribution: which paths are cached, and which parameters of the query are in the key.
type behaviour struct {
	path  string
	query []string
}

// behaviours are all paths of the API that may be cached. Anything else under /api is one client's own and is never cached,
// whatever its headers say. The site's files are cached by their headers.
var behaviours = []behaviour{
	{"/api/concerts", []string{"city", "genre", "from", "to", "q", "cursor", "limit"}},
	{"/api/concerts/{id}", nil},
	{"/api/concerts/{id}/layout", []string{"version"}},
	{"/api/concerts/{id}/availability", nil},
	{"/api/concerts/{id}/revocations", nil},
	{"/api/.well-known/{file}", nil},
}

// apiPrefix is the part of the site that the gateway answers.
const apiPrefix = "/api"

func isAPI(path string) bool { return path == apiPrefix || strings.HasPrefix(path, apiPrefix+"/") }

// conditional requests and ranges that only the origin can answer.
var originOnly = []string{"Range", "If-Match", "If-Unmodified-Since"}

// keyOf returns the key under which a response may be kept. A request with a parameter that is not in the key is passed on: the
// function refuses it, while a cached response would ignore it.
func keyOf(r *http.Request) (string, bool) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return "", false
	}
	if r.Header.Get("Upgrade") != "" {
		return "", false // the handshake of a WebSocket
	}
	if slices.ContainsFunc(originOnly, func(name string) bool { return r.Header.Get(name) != "" }) {
		return "", false
	}
	path := r.URL.EscapedPath()
	if !isAPI(r.URL.Path) {
		return path, r.URL.RawQuery == ""
	}
	for _, b := range behaviours {
		if b.matches(path) {
			query, ok := b.queryOf(r.URL.RawQuery)
			return path + "?" + query, ok
		}
	}
	return "", false
}

func (b behaviour) matches(path string) bool {
	want, got := strings.Split(b.path, "/"), strings.Split(path, "/")
	return slices.EqualFunc(want, got, func(want, got string) bool {
		return want == got || strings.HasPrefix(want, "{") && got != ""
	})
}

// queryOf returns the pairs in the order of their names. ok is false for a query that the function would refuse or that has
// another parameter.
func (b behaviour) queryOf(raw string) (_ string, ok bool) {
	if raw == "" {
		return "", true
	}
	pairs := strings.Split(raw, "&")
	slices.Sort(pairs)
	seen := map[string]bool{}
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		if _, err := url.QueryUnescape(value); err != nil || seen[name] || !slices.Contains(b.query, name) || strings.Contains(value, ";") {
			return "", false
		}
		seen[name] = true
	}
	return strings.Join(pairs, "&"), true
}
