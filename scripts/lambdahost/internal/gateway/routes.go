package gateway

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"boxoffice/contracts/topology"
)

// Route sends requests to a function.
type Route struct {
	// Key is "METHOD /path/{parameter}", where METHOD may be ANY, or topology.DefaultRoute.
	Key      string
	Function string
	// JWT requires a valid token, with at least one of Scopes if there are any.
	JWT    bool
	Scopes []string
}

// table finds the most specific route for a request.
type table struct {
	routes   []parsedRoute
	fallback *Route
}

type parsedRoute struct {
	route    Route
	method   string
	segments []string
}

type match struct {
	route      Route
	parameters map[string]string
}

func newTable(routes []Route) (table, error) {
	var t table
	var problems []error
	for _, r := range routes {
		if r.Key == topology.DefaultRoute {
			t.fallback = &r
			continue
		}
		method, path, ok := strings.Cut(r.Key, " ")
		if !ok || !strings.HasPrefix(path, "/") {
			problems = append(problems, fmt.Errorf("route %q is neither METHOD /path nor %s", r.Key, topology.DefaultRoute))
			continue
		}
		if strings.Contains(path, "+}") {
			problems = append(problems, fmt.Errorf("route %q: greedy parameters are not supported", r.Key))
			continue
		}
		t.routes = append(t.routes, parsedRoute{r, method, strings.Split(path[1:], "/")})
	}
	// Most specific first: of two routes, the one whose first differing segment is fixed, then the one with a named method.
	slices.SortStableFunc(t.routes, func(a, b parsedRoute) int { return strings.Compare(a.rank(), b.rank()) })
	return t, errors.Join(problems...)
}

// rank sorts fixed segments before parameters, and a named method before ANY.
func (p parsedRoute) rank() string {
	rank := ""
	for _, s := range p.segments {
		if isParameter(s) {
			rank += "1"
		} else {
			rank += "0"
		}
	}
	if p.method == "ANY" {
		return rank + "1"
	}
	return rank + "0"
}

func isParameter(segment string) bool {
	return strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}")
}

// match takes the escaped path, so that an escaped slash does not end a segment.
func (t table) match(method, escapedPath string) (match, bool) {
	given := strings.Split(strings.TrimPrefix(escapedPath, "/"), "/")
	for _, r := range t.routes {
		if r.method != method && r.method != "ANY" {
			continue
		}
		if parameters, ok := r.matchPath(given); ok {
			return match{r.route, parameters}, true
		}
	}
	if t.fallback != nil {
		return match{*t.fallback, nil}, true
	}
	return match{}, false
}

func (p parsedRoute) matchPath(given []string) (map[string]string, bool) {
	if len(given) != len(p.segments) {
		return nil, false
	}
	var parameters map[string]string
	for i, want := range p.segments {
		got, err := url.PathUnescape(given[i])
		if err != nil {
			return nil, false
		}
		switch {
		case !isParameter(want):
			if got != want {
				return nil, false
			}
		case got == "":
			return nil, false
		default:
			if parameters == nil {
				parameters = map[string]string{}
			}
			parameters[want[1:len(want)-1]] = got
		}
	}
	return parameters, true
}
