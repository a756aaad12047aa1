package identity_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/producers/internal/identity"
)

// closed compares the messages that were sent since the last call.
func (w *world) closed(what string, users ...string) {
	w.t.Helper()
	var want []message.CloseConnections
	for _, user := range users {
		want = append(want, message.CloseConnections{UserID: user, Until: contracts.InstantOf(w.now)})
	}
	if !slices.Equal(w.sent.all, want) {
		w.t.Errorf("%s: sent %+v, want %+v", what, w.sent.all, want)
	}
	w.sent.all = nil
}

func TestConnectionsCloseWhenASessionIsEnded(t *testing.T) {
	w := newWorld(t)
	anna, cookie := w.signup()
	w.closed("signing up")
	w.now = w.now.Add(time.Minute)
	w.want(w.ask("POST /api/auth/logout", "", "", "cookie", cookie), 204, "")
	w.closed("logout", anna)
	w.want(w.ask("POST /api/auth/logout", "", "", "cookie", cookie), 204, "")
	w.want(w.ask("POST /api/auth/logout", "", ""), 204, "")
	w.closed("logout without a session")

	// A stolen session may have connections.
	first := w.cookieOf(w.login(password))
	second := w.cookieOf(w.ask("POST /api/auth/refresh", "", "", "cookie", first))
	w.ask("POST /api/auth/refresh", "", "", "cookie", second)
	w.closed("refreshing")
	w.want(w.ask("POST /api/auth/refresh", "", "", "cookie", first), 401, "session_ended")
	w.closed("a token that was used again", anna)

	w.want(w.ask("POST /api/auth/password-resets", `{"email":"anna@example.com"}`, ""), 202, "")
	w.closed("asking for a reset")
	w.want(w.ask("POST /api/auth/password", `{"token":"`+w.linkOf(identity.LinkReset)+`","password":"c4n4ry-second"}`, ""), 204, "")
	w.closed("a new password", anna)

	// Signing in again goes on with the same account. Another account does not.
	login := func(mail, password string, headers ...string) string {
		t.Helper()
		r := w.ask("POST /api/auth/login", `{"email":"`+mail+`","password":"`+password+`"}`, "", headers...)
		w.want(r, 200, "")
		return w.cookieOf(r)
	}
	cookie = login("anna@example.com", "c4n4ry-second")
	cookie = login("anna@example.com", "c4n4ry-second", "cookie", cookie)
	w.closed("signing in again")
	w.want(w.ask("POST /api/auth/signup", strings.ReplaceAll(signupBody, "Anna@", "Bob@"), "", "cookie", cookie), 201, "")
	w.closed("another account in the same browser", anna)
}

// A store may end a session and its answer be lost. The person tries again, and then there is no session that names the account.
func TestConnectionsCloseThoughTheAnswerIsLost(t *testing.T) {
	w := newWorld(t)
	anna, cookie := w.signup()
	lost := errors.New("the answer is lost")
	w.store.LoseEnd(lost)
	w.want(w.ask("POST /api/auth/logout", "", "", "cookie", cookie), 503, "unavailable")
	w.closed("logout", anna)
	w.want(w.ask("POST /api/auth/logout", "", "", "cookie", cookie), 204, "")
	w.closed("logging out again")

	first := w.cookieOf(w.login(password))
	second := w.cookieOf(w.ask("POST /api/auth/refresh", "", "", "cookie", first))
	w.ask("POST /api/auth/refresh", "", "", "cookie", second)
	w.store.LoseEnd(lost)
	w.want(w.ask("POST /api/auth/refresh", "", "", "cookie", first), 503, "unavailable")
	w.closed("a token that was used again", anna)

	cookie = w.cookieOf(w.login(password))
	w.store.LoseEnd(lost)
	w.want(w.ask("POST /api/auth/signup", strings.ReplaceAll(signupBody, "Anna@", "Bob@"), "", "cookie", cookie), 201, "")
	w.closed("another account in the same browser", anna)
}

// A person must be able to log out while a queue is down.
func TestLogoutSucceedsWithoutTheQueue(t *testing.T) {
	w := newWorld(t)
	_, cookie := w.signup()
	w.sent.err = errors.New("no queue")
	w.want(w.ask("POST /api/auth/logout", "", "", "cookie", cookie), 204, "")
	w.want(w.ask("POST /api/auth/refresh", "", "", "cookie", cookie), 401, "session_ended")
	if !strings.Contains(w.log.String(), "connections not closed") || !strings.Contains(w.log.String(), "no queue") {
		t.Errorf("logged %s", w.log)
	}
}
