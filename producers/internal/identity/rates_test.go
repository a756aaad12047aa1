package identity_test

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// Each limit of an address holds until the end of its window, for this address alone, whatever the requests contain.
func TestLimitsOfAnAddress(t *testing.T) {
	for _, c := range []struct {
		route, body string
		limit       int
		window      time.Duration
		status      int
	}{
		{"POST /api/auth/signup", `{"email":"b#@example.com","password":"korrekt pferd","name":"B"}`, 5, time.Hour, 201},
		{"POST /api/auth/login", `{"email":"b#@example.com","password":"korrekt pferd"}`, 30, 10 * time.Minute, 401},
		{"POST /api/auth/login", `{"email":"no address #","password":"korrekt pferd"}`, 30, 10 * time.Minute, 401},
		{"POST /api/auth/password-resets", `{"email":"b#@example.com"}`, 5, time.Hour, 202},
		{"POST /api/auth/confirm", `{"token":"x#"}`, 30, time.Hour, 410},
		{"POST /api/auth/password", `{"token":"x#","password":"korrekt pferd"}`, 30, time.Hour, 410},
	} {
		t.Run(c.route+" "+c.body, func(t *testing.T) {
			w := newWorld(t)
			n := 0
			send := func(from string) (status int, wait string) {
				n++
				r := w.ask(c.route, strings.Replace(c.body, "#", strconv.Itoa(n), 1), "", at(from)...)
				return r.StatusCode, r.Headers["Retry-After"]
			}
			for i := range c.limit {
				if got, _ := send("192.0.2.1"); got != c.status {
					t.Fatalf("request %d: %d", i+1, got)
				}
			}
			window := w.now.Truncate(c.window).Add(c.window)
			got, wait := send("192.0.2.1")
			if seconds, err := strconv.Atoi(wait); got != 429 || err != nil || time.Duration(seconds)*time.Second < window.Sub(w.now) || time.Duration(seconds-1)*time.Second > window.Sub(w.now) {
				t.Errorf("over the limit: %d, Retry-After %q, the window ends in %s", got, wait, window.Sub(w.now))
			}
			if got, _ := send("192.0.2.2"); got != c.status {
				t.Errorf("another address: %d", got)
			}
			w.now = window
			if got, _ := send("192.0.2.1"); got != c.status {
				t.Errorf("in the next window: %d", got)
			}
		})
	}
}
