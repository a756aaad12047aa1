// Package edgepolicy is what the edge before the site and the API does: the headers that it adds to every response, the pages
// that may use the API (CORS), and what it may keep. The local edge reads the table, and so does whoever deploys the distribution,
// so that both say the same.
package edgepolicy

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

//go:embed edgepolicy.json
var table []byte

// Version is the version of the table that this package reads.
const Version = 1

// Policy is the table. It is not changed after Load.
type Policy struct {
	Version int `json:"version"`
	// Headers are on every response, of the site and of the API, errors too. They override the origin's.
	Headers []Header `json:"headers"`
	Content Content  `json:"contentSecurityPolicy"`
	CORS    CORS     `json:"cors"`
	// Cached are the only paths under /api whose responses may be kept. Everything else there is one client's own.
	Cached []Behaviour `json:"cached"`
	// UncachedErrors are the statuses for which error_caching_min_ttl is 0: by default CloudFront keeps an error for 10 s.
	UncachedErrors []int `json:"uncachedErrors"`
}

// Header is a response header.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	// HTTPSOnly headers must not be sent over http.
	HTTPSOnly bool `json:"httpsOnly,omitempty"`
}

// Content has the policies of Content-Security-Policy. A response of the API loads and runs nothing if a browser shows it as a
// page; the pages of the site load their own files, and Stripe's scripts and frames.
type Content struct {
	API  []Directive `json:"api"`
	Site []Directive `json:"site"`
}

// Directive is one directive of a Content-Security-Policy. The source StripeOrigin stands for the address of a stand-in for
// Stripe. Where Stripe itself is used, it is left out.
type Directive struct {
	Name    string   `json:"name"`
	Sources []string `json:"sources"`
}

// StripeOrigin is the placeholder in Directive.Sources.
const StripeOrigin = "STRIPE_ORIGIN"

// CORS is what pages of the allowed origins may do, with cookies. Which origins these are is a setting of each deployment.
type CORS struct {
	Methods         []string `json:"methods"`
	RequestHeaders  []string `json:"requestHeaders"`
	ResponseHeaders []string `json:"responseHeaders"`
	// MaxAgeSeconds is how long a browser may keep what a preflight allowed.
	MaxAgeSeconds int `json:"maxAgeSeconds"`
}

// Behaviour is a path whose responses may be kept, and the parameters of the query that are in the key. {name} is any one segment.
type Behaviour struct {
	Path  string   `json:"path"`
	Query []string `json:"query"`
}

// Load returns the table. The error has all problems of the table.
func Load() (Policy, error) { return parse(table) }

func parse(text []byte) (Policy, error) {
	var p Policy
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return Policy{}, fmt.Errorf("edge policy: %w", err)
	}
	if err := p.check(); err != nil {
		return Policy{}, fmt.Errorf("edge policy: %w", err)
	}
	return p, nil
}

func (p Policy) check() error {
	var problems []error
	add := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	add(p.Version != Version, "version %d, want %d", p.Version, Version)
	names := map[string]bool{}
	for _, h := range p.Headers {
		add(h.Name == "" || h.Value == "" || strings.ContainsAny(h.Name+h.Value, "\r\n"), "header %q has no name, no value, or several lines", h.Name)
		add(names[strings.ToLower(h.Name)], "header %s is there twice", h.Name)
		names[strings.ToLower(h.Name)] = true
	}
	for _, d := range slices.Concat(p.Content.API, p.Content.Site) {
		add(d.Name == "" || len(d.Sources) == 0 || strings.ContainsAny(d.Name+strings.Join(d.Sources, ""), " ;,\r\n"), "directive %q has no source, or a source that ends it", d.Name)
	}
	add(len(p.Content.API) == 0 || len(p.Content.Site) == 0, "a content security policy is empty")
	add(slices.Contains(p.CORS.Methods, "*") || slices.Contains(p.CORS.RequestHeaders, "*"), "with cookies CORS may not allow *")
	for _, b := range p.Cached {
		add(!IsAPI(b.Path) || path.Clean(b.Path) != b.Path, "cached path %q is not one of the API", b.Path)
	}
	add(!slices.IsSorted(p.UncachedErrors), "uncachedErrors are not sorted")
	return errors.Join(problems...)
}

// apiPrefix is where the API begins. Everything else is the site's.
const apiPrefix = "/api"

// IsAPI reports whether a path (decoded) is one of the API. A path is normalised first, as CloudFront does before it chooses a
// behaviour: //api/orders and /x/../api/orders are no pages of the site.
func IsAPI(decoded string) bool {
	clean := path.Clean("/" + decoded)
	return clean == apiPrefix || strings.HasPrefix(clean, apiPrefix+"/")
}

// HeadersOf returns the headers of a response to a request for a path (decoded). stripe is the origin of a stand-in for Stripe, ""
// where Stripe itself is used.
func (p Policy) HeadersOf(decoded string, https bool, stripe string) []Header {
	directives := p.Content.Site
	if IsAPI(decoded) {
		directives = p.Content.API
	}
	out := []Header{{Name: "Content-Security-Policy", Value: text(directives, stripe)}}
	for _, h := range p.Headers {
		if https || !h.HTTPSOnly {
			out = append(out, h)
		}
	}
	return out
}

func text(directives []Directive, stripe string) string {
	all := make([]string, len(directives))
	for i, d := range directives {
		all[i] = d.Name
		for _, source := range d.Sources {
			if source == StripeOrigin {
				source = stripe
			}
			if source != "" {
				all[i] += " " + source
			}
		}
	}
	return strings.Join(all, "; ")
}

// Matches reports whether the behaviour is for a path (escaped: an escaped slash ends no segment).
func (b Behaviour) Matches(escaped string) bool {
	want, got := strings.Split(b.Path, "/"), strings.Split(escaped, "/")
	return slices.EqualFunc(want, got, func(want, got string) bool {
		return want == got || strings.HasPrefix(want, "{") && got != ""
	})
}
