package e2e

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"boxoffice/contracts/topology"
)

// oddIDs are texts that nobody's id has, as they stand in a path.
var oddIDs = map[string]string{
	"another": "no-such-concert", "1,000 characters": strings.Repeat("c", 1000), "a NUL": "%00", "a NUL behind it": "nocturne-2030%00", "an emoji": url.PathEscape("🎸"),
	"a slash": "a%2Fb", "two dots": "%2e%2e", "a dot": "%2E", "a blank": "%20", "a plus": "+", "no UTF-8": "%ff", "half of a surrogate pair": "%ED%A0%80",
	"right to left": url.PathEscape("ليالي"), "a mark of direction": url.PathEscape("nocturne\u202e-2030"), "combining": url.PathEscape("e\u0301"), "in capitals": "NOCTURNE-2030",
	"a semicolon": "nocturne-2030;v=1", "a hash": "nocturne-2030%23g", "braces": "%7Bc%7D", "a quote": "%22%27", "an equals sign": "a=b", "a percent sign": "%25", "twice encoded": "nocturne%252d2030",
	"a line": "a%0d%0aSet-Cookie:%20x=y", "a backslash": "%5c..%5c", "a colon": "a:b", "an at sign": "a@b", "a star": "*", "a comma": "a,b", "full width": url.PathEscape("ｎｏｃｔｕｒｎｅ"),
}

// A public route answers an odd id and an odd query by a problem, never by another concert, a page, or an error of ours.
func TestPublicRoutesRefuseOddInput(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	c := s.withToken(t, "")
	c.Seen = nil // these are no requests of the contract
	check := func(method, path string, status int, code string) {
		t.Helper()
		answer, err := c.Do(t.Context(), method, path, nil, nil)
		if err != nil {
			t.Fatalf("%s %.100s: %v", method, path, err)
		}
		got := ""
		if method != http.MethodHead {
			got = answer.Problem().Code
		} else if len(answer.Body) > 0 {
			t.Errorf("HEAD %.100s has a body", path)
		}
		if answer.Status != status || (method != http.MethodHead && got != code) || answer.Header.Get("Content-Type") != "application/problem+json" || answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %.100s: %d %.300s %v, want %d %s", method, path, answer.Status, answer.Body, answer.Header, status, code)
		}
		if answer.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s %.100s sets a cookie", method, path)
		}
	}
	for _, id := range oddIDs {
		for _, behind := range []string{"", "/layout", "/layout?version=1", "/availability"} {
			check(http.MethodGet, "/concerts/"+id+behind, http.StatusNotFound, "concert_not_found")
		}
		check(http.MethodHead, "/concerts/"+id, http.StatusNotFound, "")
	}
	known := "/concerts/" + s.Concert
	for _, version := range []string{"", "0", "-1", "99", "1.0", "01", "+1", "%2B1", "x", "1e0", "%00", "1%00", "%D9%A1", url.QueryEscape("１"), "99999999999999999999", strings.Repeat("9", 1000), "1%20", "null"} {
		check(http.MethodGet, known+"/layout?version="+version, http.StatusNotFound, "layout_not_found")
	}
	for _, query := range []string{"version=1&version=1", "version=1&x=1", "Version=1", "version=1;x=1", "version=%zz", "version[]=1", "v%65rsion=1&version=1", "version=%ff"} {
		check(http.MethodGet, known+"/layout?"+query, http.StatusBadRequest, "invalid_filter")
	}
	for _, query := range []string{"version=1", "x", "=", "&", "%zz", "a;b", "_=1700000000000", "%00", strings.Repeat("x", 4000)} {
		check(http.MethodGet, known+"/availability?"+query, http.StatusBadRequest, "invalid_filter")
		check(http.MethodHead, known+"/availability?"+query, http.StatusBadRequest, "")
		check(http.MethodGet, known+"?"+query, http.StatusBadRequest, "invalid_filter")
	}
	for _, path := range []string{"//concerts", "/concerts//", "/./concerts", "/concerts;x", "/concerts%2f" + s.Concert, "/%63oncerts/x/y/z", "/.well-known/../me"} {
		check(http.MethodGet, path, http.StatusNotFound, "not_found")
	}
}

// Each route says which methods its address takes, without a token, and answers HEAD as GET without a body.
func TestEachRouteSaysItsMethods(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	c := s.withToken(t, "")
	c.Seen = nil
	all, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	methods := map[string][]string{}
	for _, f := range all.Functions {
		for _, r := range f.Routes {
			if method, path, found := strings.Cut(r.Route, " "); found {
				methods[path] = append(methods[path], method)
			}
		}
	}
	for pattern, allowed := range methods {
		slices.Sort(allowed)
		path := strings.NewReplacer("/api", "", "{concertId}", s.Concert, "{orderId}", "e1"+strings.Repeat("0", 30)).Replace(pattern)
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"} {
			if slices.Contains(allowed, method) {
				continue
			}
			answer, err := c.Do(t.Context(), method, path, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if answer.Status != http.StatusMethodNotAllowed || answer.Header.Get("Allow") != strings.Join(allowed, ", ") {
				t.Errorf("%s %s: %d, Allow %q, want %v", method, path, answer.Status, answer.Header.Get("Allow"), allowed)
			}
		}
		if slices.Contains(allowed, "GET") != slices.Contains(allowed, "HEAD") {
			t.Errorf("%s takes %v", pattern, allowed)
		}
	}
	for _, path := range []string{"/concerts", "/concerts/" + s.Concert, "/concerts/" + s.Concert + "/layout", "/concerts/" + s.Concert + "/availability"} {
		get, err := c.Do(t.Context(), http.MethodGet, path, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		head, err := c.Do(t.Context(), http.MethodHead, path, nil, nil)
		if err != nil || head.Status != get.Status || len(head.Body) > 0 || head.Header.Get("Content-Type") != get.Header.Get("Content-Type") || head.Header.Get("Cache-Control") == "" {
			t.Errorf("HEAD %s: %d %v, GET: %d %v, %v", path, head.Status, head.Header, get.Status, get.Header, err)
		}
	}
}
