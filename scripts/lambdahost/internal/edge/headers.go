package edge

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/rs/cors"
)

// securityHeaders are on every response. There is no Strict-Transport-Security, which must not be sent over http (RFC 6797, 7.2).
var securityHeaders = map[string]string{
	"X-Content-Type-Options":     "nosniff",
	"X-Frame-Options":            "DENY",
	"Referrer-Policy":            "strict-origin-when-cross-origin",
	"Cross-Origin-Opener-Policy": "same-origin",
	"Permissions-Policy":         "camera=(), geolocation=(), microphone=()",
}

// apiPolicy lets a response of the API load and run nothing if a browser shows it as a page.
const apiPolicy = "default-src 'none'; frame-ancestors 'none'"

// sitePolicy allows what the pages of the site need: their own files, the API, and Stripe with its frames and scripts.
func sitePolicy(stripe string) string {
	more := ""
	if stripe != "" {
		more = " " + stripe
	}
	return strings.Join([]string{
		"default-src 'self'",
		"script-src 'self' https://js.stripe.com",
		"style-src 'self' 'unsafe-inline'", // positions of seats are inline styles
		"img-src 'self' data:",
		"connect-src 'self' ws: wss: https://api.stripe.com" + more,
		"frame-src https://js.stripe.com https://hooks.stripe.com" + more,
		"object-src 'none'", "base-uri 'none'", "form-action 'self'" + more, "frame-ancestors 'none'",
	}, "; ")
}

// secure sets the headers before the origin is asked, so that they are on its own answers too.
func (e *Edge) secure(h http.Header, path string) {
	for name, value := range securityHeaders {
		h.Set(name, value)
	}
	h.Set("Content-Security-Policy", e.site)
	if isAPI(path) {
		h.Set("Content-Security-Policy", apiPolicy)
	}
}

// preflightAge is how long a browser may keep what a preflight allowed, in seconds.
const preflightAge = 600

// allowOrigins lets the pages of these origins, and of no others, use the API with its cookies. A page of the site itself has the
// same origin and needs no permission.
func allowOrigins(allowed []string, next http.Handler) (http.Handler, error) {
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
		AllowedOrigins:   allowed,
		AllowCredentials: true,
		AllowedMethods:   []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodDelete},
		AllowedHeaders:   []string{"Authorization", "Content-Type", "Idempotency-Key", "If-None-Match"},
		ExposedHeaders:   []string{"Age", "ETag", "Location", "Retry-After", "Apigw-Requestid"},
		MaxAge:           preflightAge,
	}).Handler(next), errors.Join(problems...)
}
