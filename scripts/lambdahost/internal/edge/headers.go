package edge

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/rs/cors"

	"boxoffice/contracts/edgepolicy"
)

// secure puts the headers of the policy on every response: those of the origin, kept ones, and the edge's own, such as that to a
// preflight. They are set before the response is made, so that no handler has to think of them.
func secure(policy edgepolicy.Policy, stripe string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, h := range policy.HeadersOf(r.URL.Path, r.TLS != nil, stripe) {
			w.Header().Set(h.Name, h.Value)
		}
		next.ServeHTTP(w, r)
	})
}

// allowOrigins lets the pages of these origins, and of no others, use the API with its cookies. A page of the site itself has the
// same origin and needs no permission.
func allowOrigins(policy edgepolicy.CORS, allowed []string, next http.Handler) (http.Handler, error) {
	if len(allowed) == 0 {
		return next, nil
	}
	var problems []error
	for _, text := range allowed {
		u, err := url.Parse(text)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || strings.Contains(u.Host, "*") || u.Scheme+"://"+u.Host != text {
			problems = append(problems, fmt.Errorf("%q is no origin, as https://example.com is", text))
		}
	}
	return cors.New(cors.Options{
		AllowedOrigins: allowed, AllowCredentials: true, AllowedMethods: policy.Methods,
		AllowedHeaders: policy.RequestHeaders, ExposedHeaders: policy.ResponseHeaders, MaxAge: policy.MaxAgeSeconds,
	}).Handler(next), errors.Join(problems...)
}
