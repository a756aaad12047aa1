package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"boxoffice/scripts/internal/testbed"
)

// Whatever happens to an account, its mail address, name, passwords, tokens, cookies and links are in no log of any process, which
// also has the metrics, in no event and in no letter of a queue.
func TestAccountsLeaveNoTrace(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	events := s.SubscribeFor(t)
	p := &person{Client: s.withToken(t, ""), stack: s}
	local := strings.ToLower(testbed.Named("c4n4ry"))
	mail := local + "@example.com"
	secrets := map[string]string{
		"the mail address": local, "the name": "C4n4ry Bergström", "the new name": "C4n4ry Dreyfus", "the password": "c4n4ry-korrekt-pferd", "a wrong password": "c4n4ry-wrong-pferd",
		"the new password": "c4n4ry-neues-pferd", "the password of a body that is no JSON": "c4n4ry-broken-pferd", "a member that is not known": "c4n4rymember",
	}
	keep := func(name string) {
		secrets["the access token after "+name] = strings.Split(p.Token, ".")[2]
		// The last part of a refresh token is its seal.
		secrets["the refresh cookie after "+name] = p.cookie[strings.LastIndexByte(p.cookie, '.')+1:]
	}
	login := func(password string) string { return fmt.Sprintf(`{"email":%q,"password":%q}`, mail, password) }

	p.signIn(t, p.send(t, http.MethodPost, "/auth/signup", fmt.Sprintf(`{"email":%q,"password":%q,"name":%q}`, mail, secrets["the password"], secrets["the name"]), http.StatusCreated))
	keep("signing up")
	p.send(t, http.MethodPost, "/auth/signup", fmt.Sprintf(`{"email":%q,"password":%q,"name":%q}`, mail, secrets["the password"], secrets["the name"]), http.StatusConflict)
	p.send(t, http.MethodPost, "/auth/login", login(secrets["a wrong password"]), http.StatusUnauthorized)
	p.send(t, http.MethodPost, "/auth/login", `{"email":"`+mail+`","password":"`+secrets["the password of a body that is no JSON"], http.StatusBadRequest)
	p.send(t, http.MethodPost, "/auth/login", `{"email":"`+mail+`","c4n4rymember":1}`, http.StatusBadRequest)
	p.signIn(t, p.send(t, http.MethodPost, "/auth/login", login(secrets["the password"]), http.StatusOK))
	keep("logging in")
	used := p.cookie
	p.signIn(t, p.send(t, http.MethodPost, "/auth/refresh", "", http.StatusOK))
	keep("a refresh")
	p.send(t, http.MethodPatch, "/me", fmt.Sprintf(`{"name":%q}`, secrets["the new name"]), http.StatusOK)
	accepted := s.place(t, p.Client, "key-1", s.takeSeats(t, 1)...)
	s.waitDecided(t, p.Client, accepted.OrderID)
	s.cancel(t, p.Client, accepted.OrderID)
	cancelled := s.waitEnded(t, p.Client, accepted.OrderID)
	p.send(t, http.MethodPost, "/auth/refresh", "", http.StatusOK)
	p.cookie = used // older than the one before the newest
	p.send(t, http.MethodPost, "/auth/refresh", "", http.StatusUnauthorized)
	for kind, route := range map[string]string{"confirm-address": "", "reset-password": "/auth/password-resets"} {
		if route != "" {
			p.send(t, http.MethodPost, route, fmt.Sprintf(`{"email":%q}`, mail), http.StatusAccepted)
		}
		token := linkTo(t, mail, kind)
		secrets["the link "+kind] = token[strings.LastIndexByte(token, '.')+1:]
		if kind == "confirm-address" {
			p.send(t, http.MethodPost, "/auth/confirm", fmt.Sprintf(`{"token":%q}`, token), http.StatusNoContent)
			continue
		}
		for _, want := range []int{http.StatusNoContent, http.StatusGone} {
			p.send(t, http.MethodPost, "/auth/password", fmt.Sprintf(`{"token":%q,"password":%q}`, token, secrets["the new password"]), want)
		}
	}
	last := p.send(t, http.MethodPost, "/auth/logout", "", http.StatusNoContent).Header.Get("Apigw-Requestid")

	eventually(t, decideWithin, func() (bool, string) {
		if err := events.Poll(t.Context()); err != nil {
			t.Fatal(err)
		}
		return events.Seen(fmt.Sprintf("%s.%d", accepted.OrderID, cancelled.Version)) == "OrderCancelled", "the last event is missing"
	})
	var texts map[string]string
	eventually(t, decideWithin, func() (bool, string) {
		texts = s.logs(t)
		for _, text := range texts {
			if last != "" && strings.Contains(text, last) {
				return true, ""
			}
		}
		return false, "no log has the last request"
	})
	letters, err := s.DeadLetters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kept, err := json.Marshal(letters)
	if err != nil {
		t.Fatal(err)
	}
	texts["the table of letters"] = string(kept)
	for where, text := range texts {
		text = strings.ToLower(text)
		for name, secret := range secrets {
			if strings.Contains(text, strings.ToLower(secret)) {
				t.Errorf("%s has %s", where, name)
			}
		}
	}
}

// logs returns the logs of all processes of the stack, by the name of the file.
func (s *stack) logs(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.Logs, "*"))
	if err != nil || len(files) < 5 {
		t.Fatalf("logs %v, %v", files, err)
	}
	texts := map[string]string{}
	for _, file := range files {
		content, err := os.ReadFile(file) //nolint:gosec // a log of the stack
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(file)] = string(content)
	}
	return texts
}
