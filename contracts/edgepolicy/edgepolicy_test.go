package edgepolicy

import (
	"slices"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"

	"boxoffice/contracts/openapi"
	"boxoffice/contracts/topology"
)

func load(t *testing.T) Policy {
	t.Helper()
	p, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Whatever a parameter changes in a response is in the key of the cache: otherwise one client would get the answer to another's
// question. A cached route needs no token, since a kept response is for everybody.
func TestKeyHasEachParameterOfItsRoute(t *testing.T) {
	document, err := libopenapi.NewDocument(openapi.YAML)
	if err != nil {
		t.Fatal(err)
	}
	model, err := document.BuildV3Model()
	if err != nil {
		t.Fatal(err)
	}
	all, err := topology.Load()
	if err != nil {
		t.Fatal(err)
	}
	auth := map[string]string{}
	for _, f := range all.Functions {
		for _, r := range f.Routes {
			auth[r.Route] = r.Auth
		}
	}
	compared := 0
	for _, b := range load(t).Cached {
		if kind, routed := auth["GET "+b.Path]; routed && kind != topology.AuthNone {
			t.Errorf("%s is cached and needs a token", b.Path)
		}
		item := model.Model.Paths.PathItems.GetOrZero(b.Path)
		if item == nil || item.Get == nil {
			continue // a file, or a route of a later version
		}
		compared++
		var promised []string
		for _, parameter := range item.Get.Parameters {
			if parameter.In == "query" {
				promised = append(promised, parameter.Name)
			}
		}
		key := slices.Clone(b.Query)
		slices.Sort(promised)
		slices.Sort(key)
		if !slices.Equal(promised, key) {
			t.Errorf("%s has the parameters %v, its key %v", b.Path, promised, key)
		}
	}
	if compared < 4 {
		t.Errorf("%d cached routes are in the contract", compared)
	}
	// A public route that is not cached reaches the function for each viewer.
	for route, kind := range auth {
		method, path, _ := strings.Cut(route, " ")
		if method == "GET" && kind == topology.AuthNone && !slices.ContainsFunc(load(t).Cached, func(b Behaviour) bool { return b.Path == path }) {
			t.Errorf("%s is public and not cached", route)
		}
	}
}

// CloudFront keeps each error for 10 s unless it is told not to.
func TestNoErrorIsKept(t *testing.T) {
	if want := []int{400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504}; !slices.Equal(load(t).UncachedErrors, want) {
		t.Errorf("uncachedErrors are %v, want all that CloudFront keeps: %v", load(t).UncachedErrors, want)
	}
}

func headers(p Policy, path string, https bool, stripe string) map[string]string {
	out := map[string]string{}
	for _, h := range p.HeadersOf(path, https, stripe) {
		out[h.Name] = h.Value
	}
	return out
}

func TestHeadersOfAPath(t *testing.T) {
	p := load(t)
	for path, api := range map[string]bool{
		"/api": true, "/api/": true, "/api/orders": true, "//api/orders": true, "/x/../api/orders": true, "/./api": true, "": false, "/": false,
		"/apix": false, "/concerts/api": false, "/API/orders": false, "/api/../x": false, "api/orders": true,
	} {
		h := headers(p, path, false, "")
		if IsAPI(path) != api || strings.Contains(h["Content-Security-Policy"], "default-src 'none'") != api {
			t.Errorf("%q: %v", path, h)
		}
		if h["X-Content-Type-Options"] != "nosniff" || h["X-Frame-Options"] != "DENY" || !strings.Contains(h["Content-Security-Policy"], "frame-ancestors 'none'") {
			t.Errorf("%q: %v", path, h)
		}
	}
	const hsts = "Strict-Transport-Security"
	if over := headers(p, "/", true, "")[hsts]; !strings.Contains(over, "max-age=63072000") {
		t.Errorf("over https: %q", over)
	}
	if over := headers(p, "/", false, "")[hsts]; over != "" {
		t.Errorf("over http: %q", over)
	}
	local, aws := headers(p, "/", false, "http://127.0.0.1:12111")["Content-Security-Policy"], headers(p, "/", true, "")["Content-Security-Policy"]
	if strings.Count(local, " http://127.0.0.1:12111") != 3 || strings.Contains(aws, StripeOrigin) || strings.Contains(aws, "  ") || !strings.Contains(aws, "form-action 'self';") {
		t.Errorf("with a stand-in for Stripe: %s\nwithout: %s", local, aws)
	}
}

func TestMistakesInTheTableAreReported(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"version":          {`"version": 1`, `"version": 2`, "version 2"},
		"unknown member":   {`"cached"`, `"kept"`, "kept"},
		"header twice":     {`"X-Frame-Options", "value": "DENY"`, `"x-content-type-options", "value": "x"`, "twice"},
		"header of lines":  {`"DENY"`, `"DENY\r\nSet-Cookie: a=b"`, "several lines"},
		"directive's end":  {`"https://js.stripe.com"]`, `"https://js.stripe.com;"]`, "ends it"},
		"any method":       {`"PATCH"`, `"*"`, "may not allow *"},
		"a page is cached": {`"/api/concerts", "query"`, `"/concerts", "query"`, `"/concerts"`},
		"a tricky path":    {`"/api/concerts", "query"`, `"/api//concerts", "query"`, `"/api//concerts"`},
		"errors":           {`[400, 403`, `[403, 400`, "not sorted"},
	} {
		text := strings.Replace(string(table), c.old, c.new, 1)
		if text == string(table) {
			t.Fatalf("%s: the table has no %s", name, c.old)
		}
		if _, err := parse([]byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}
