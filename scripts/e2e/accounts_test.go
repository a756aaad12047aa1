package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// person is a browser with the refresh cookie of an account.
type person struct {
	*apiclient.Client
	stack  *stack
	cookie string
}

// send sends a JSON body with the cookie, and keeps the cookie that the response sets.
func (p *person) send(t *testing.T, method, path, body string, want int) apiclient.Answer {
	t.Helper()
	headers := map[string]string{"Origin": strings.TrimSuffix(p.stack.API, "/api")}
	if body != "" {
		headers["Content-Type"] = "application/json"
	}
	if p.cookie != "" {
		headers["Cookie"] = p.cookie
	}
	answer, err := p.Do(t.Context(), method, path, []byte(body), headers)
	if err != nil {
		t.Fatal(err)
	}
	if answer.Status != want {
		t.Fatalf("%s %s returned %d %s, want %d", method, path, answer.Status, answer.Body, want)
	}
	if set := answer.Header.Get("Set-Cookie"); set != "" {
		p.cookie, _, _ = strings.Cut(set, ";")
		if !strings.Contains(set, "HttpOnly") || !strings.Contains(set, "SameSite=Lax") || !strings.Contains(set, "Path=/api/auth") {
			t.Errorf("Set-Cookie: %s", set)
		}
	}
	return answer
}

// signIn keeps the access token of an answer.
func (p *person) signIn(t *testing.T, a apiclient.Answer) {
	t.Helper()
	var body struct {
		AccessToken string `json:"accessToken"`
	}
	if err := json.Unmarshal(a.Body, &body); err != nil || body.AccessToken == "" {
		t.Fatalf("%s, %v", a.Body, err)
	}
	p.Token = body.AccessToken
}

func TestAnAccountFromSignUpToLogout(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	p := &person{Client: s.withToken(t, ""), stack: s}
	mail := strings.ToLower(testbed.Named("c4n4ry")) + "@example.com"
	login := fmt.Sprintf(`{"email":%q,"password":"korrekt pferd batterie"}`, strings.ToUpper(mail))
	p.signIn(t, p.send(t, http.MethodPost, "/auth/signup", fmt.Sprintf(`{"email":%q,"password":"korrekt pferd batterie","name":"C4n4ry Berg"}`, mail), http.StatusCreated))
	signup := p.cookie
	p.signIn(t, p.send(t, http.MethodPost, "/auth/login", login, http.StatusOK))
	if p.cookie == signup {
		t.Error("a login kept the session before it")
	}
	accepted := s.place(t, p.Client, "key-1", s.takeSeats(t, 1)...)
	s.waitDecided(t, p.Client, accepted.OrderID)
	first := p.cookie
	p.signIn(t, p.send(t, http.MethodPost, "/auth/refresh", "", http.StatusOK))
	second := p.cookie
	p.signIn(t, p.send(t, http.MethodPost, "/auth/refresh", "", http.StatusOK))
	if first == second || second == p.cookie {
		t.Error("the refresh token was not rotated")
	}
	if order, answer, err := p.Order(t.Context(), accepted.OrderID); err != nil || order.OrderID != accepted.OrderID {
		t.Errorf("with a refreshed token: %d %s, %v", answer.Status, answer.Body, err)
	}
	// The first token is older than the one before the newest, so its use ends the session.
	newest := p.cookie
	for _, used := range []string{first, newest} {
		p.cookie = used
		if a := p.send(t, http.MethodPost, "/auth/refresh", "", http.StatusUnauthorized); a.Problem().Code != "session_ended" {
			t.Errorf("%s", a.Body)
		}
	}
	p.cookie = ""
	p.signIn(t, p.send(t, http.MethodPost, "/auth/login", login, http.StatusOK))
	ended := p.cookie
	p.send(t, http.MethodPost, "/auth/logout", "", http.StatusNoContent)
	p.cookie = ended
	p.send(t, http.MethodPost, "/auth/refresh", "", http.StatusUnauthorized)
	p.cookie = ""

	// The links in mails.
	confirm := fmt.Sprintf(`{"token":%q}`, linkTo(t, mail, "confirm-address"))
	p.send(t, http.MethodPost, "/auth/confirm", confirm, http.StatusNoContent)
	if a := p.send(t, http.MethodPost, "/auth/confirm", confirm, http.StatusGone); a.Problem().Code != "link_expired" {
		t.Errorf("the link again: %s", a.Body)
	}
	if a := p.send(t, http.MethodPatch, "/me", `{"locale":"de"}`, http.StatusOK); !strings.Contains(string(a.Body), `"emailConfirmed":true`) {
		t.Errorf("%s", a.Body)
	}
	p.send(t, http.MethodPost, "/auth/password-resets", fmt.Sprintf(`{"email":%q}`, mail), http.StatusAccepted)
	p.send(t, http.MethodPost, "/auth/password", fmt.Sprintf(`{"token":%q,"password":"another pferd batterie"}`, linkTo(t, mail, "reset-password")), http.StatusNoContent)
	p.send(t, http.MethodPost, "/auth/login", login, http.StatusUnauthorized)
}
