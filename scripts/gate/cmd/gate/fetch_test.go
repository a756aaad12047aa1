package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/ticketcode"
	"boxoffice/scripts/gate"
)

// A cache or a replay may answer a list that was true yesterday. A gate that knows a later one keeps it.
func TestAnOlderListReplacesNoNewerOne(t *testing.T) {
	s := newSite(t)
	b := newBooth(t, s)
	s.revoked = []ticketcode.Code{ticketcode.CodeOf("t-1", 0)}
	b.fetch()
	s.revoked, s.asOf = nil, contracts.InstantOf(doors.Add(-2*time.Hour))
	code, out, notes := b.run("", "fetch", "--concert", "nocturne", "--api", s.URL+"/api")
	if code != 0 || !strings.Contains(out, "1 revoked codes as of 2030-09-14T16:00:00.000Z") || !strings.Contains(notes, "older than the stored one") {
		t.Errorf("%d %s %s", code, out, notes)
	}
	if r := b.check(3, s.sign("nocturne", 0, 0, "t-1", 0))[0]; r.Reason != gate.Revoked {
		t.Errorf("the revoked code was forgotten: %+v", r)
	}
	// A stored list that nobody signed is no reason to keep it.
	path := filepath.Join(b.data, "nocturne", "revocations.json")
	list, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(list), "T16:00:00", "T16:30:00", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := b.run("", "fetch", "--concert", "nocturne", "--api", s.URL+"/api"); code != 0 || !strings.Contains(out, "0 revoked codes as of 2030-09-14T15:00:00.000Z") {
		t.Errorf("a changed list was kept: %d %s", code, out)
	}
}

// A redirect must not lead to where the keys can be replaced, and it must end.
func TestRedirects(t *testing.T) {
	s := newSite(t)
	for target, want := range map[string]string{"http://gate.example/api": "http://gate.example/api is not https", "/again": "redirects", s.URL + "/api": ""} {
		moved := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			to := target
			if target == s.URL+"/api" {
				to = s.URL + r.URL.RequestURI()
			}
			http.Redirect(w, r, to, http.StatusFound)
		}))
		b := newBooth(t, s)
		code, _, notes := b.run("", "fetch", "--concert", "nocturne", "--api", moved.URL+"/api")
		if (code == 0) != (want == "") || code > 1 || !strings.Contains(notes, want) {
			t.Errorf("to %s: %d %s", target, code, notes)
		}
		moved.Close()
	}
}
