package edge

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"boxoffice/contracts/edgepolicy"
)

// conditional requests and ranges that only the origin can answer.
var originOnly = []string{"Range", "If-Match", "If-Unmodified-Since"}

// keyOf returns the key under which a response may be kept. A request with a parameter that is not in the key is passed on: the
// function refuses it, while a cached response would ignore it.
func (e *Edge) keyOf(r *http.Request) (string, bool) {
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
	if !edgepolicy.IsAPI(r.URL.Path) {
		return path, r.URL.RawQuery == ""
	}
	for _, b := range e.policy.Cached {
		if b.Matches(path) {
			query, ok := queryOf(b, r.URL.RawQuery)
			return path + "?" + query, ok
		}
	}
	return "", false
}

// queryOf returns the pairs in the order of their names. ok is false for a query that the function would refuse or that has
// another parameter.
func queryOf(b edgepolicy.Behaviour, raw string) (_ string, ok bool) {
	if raw == "" {
		return "", true
	}
	pairs := strings.Split(raw, "&")
	slices.Sort(pairs)
	seen := map[string]bool{}
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		if _, err := url.QueryUnescape(value); err != nil || seen[name] || !slices.Contains(b.Query, name) || strings.Contains(value, ";") {
			return "", false
		}
		seen[name] = true
	}
	return strings.Join(pairs, "&"), true
}
