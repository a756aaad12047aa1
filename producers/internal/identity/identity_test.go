package identity_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts"
	"boxoffice/contracts/maillink"
	"boxoffice/contracts/message"
	"boxoffice/contracts/origin"
	"boxoffice/contracts/sealed"
	"boxoffice/producers/internal/contracttest"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/identity"
	"boxoffice/producers/internal/identity/accesstoken"
	"boxoffice/producers/internal/identity/identitytest"
)

const (
	site       = "https://boxoffice.example"
	password   = "c4n4ry-password"
	edgeSecret = "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
)

// plain stands in for argon2id and counts its work. meanwhile, unless nil, runs while a hash is verified, once.
type plain struct {
	hashes    int
	meanwhile func()
}

func (p *plain) Hash(_ context.Context, password string) (string, error) {
	p.hashes++
	return "hash of " + password, nil
}

func (p *plain) Matches(_ context.Context, password, hash string) (bool, error) {
	p.hashes++
	if run := p.meanwhile; run != nil {
		p.meanwhile = nil
		run()
	}
	return hash == "hash of "+password, nil
}

type tokens struct{ scope string }

func (t *tokens) Sign(a accesstoken.Account, _ string, _ time.Time) (string, error) {
	t.scope = a.Scope
	return "c4n4ry-token-of-" + a.UserID, nil
}

// sent is the queue of messages. It fails as long as err is set.
type sent struct {
	all   []message.CloseConnections
	links []message.NotifyAccount
	err   error
}

func (s *sent) Send(_ context.Context, m message.Encoded) error {
	if s.err != nil {
		return s.err
	}
	decoded, err := message.Decode(m.Body)
	if err != nil {
		return err
	}
	if m.Queue != message.QueueNotifications {
		return errors.New("no queue of identity")
	}
	switch decoded := decoded.(type) {
	case message.CloseConnections:
		s.all = append(s.all, decoded)
	case message.NotifyAccount:
		s.links = append(s.links, decoded)
	default:
		return errors.New("no message of identity")
	}
	return nil
}

type world struct {
	t        *testing.T
	sent     *sent
	store    *identitytest.Memory
	hasher   *plain
	tokens   *tokens
	log      *bytes.Buffer
	now      time.Time
	router   *httpapi.Router
	contract *contracttest.Contract
}

func newWorld(t *testing.T) *world {
	t.Helper()
	keys, err := sealed.ParseKeys("1:" + strings.Repeat("A", 43))
	if err != nil {
		t.Fatal(err)
	}
	edge, err := origin.Parse(edgeSecret)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, sent: &sent{}, store: identitytest.NewMemory(), hasher: &plain{}, tokens: &tokens{}, log: &bytes.Buffer{},
		now: time.Date(2030, 3, 1, 12, 0, 0, 0, time.UTC), contract: contracttest.New(t),
	}
	now := func() time.Time { return w.now }
	log := slog.New(slog.NewJSONHandler(w.log, nil))
	s := &identity.Service{
		Accounts: w.store, Sessions: w.store, Limits: w.store, Passwords: w.hasher, Tokens: w.tokens, Messages: w.sent,
		RefreshKeys: keys, LinkKeys: keys, Site: site, Edge: edge, Rates: identity.ProductionRates(), Random: rand.Reader, Log: log, Now: now,
		AllowedOrigins: []string{"https://dev.example"},
	}
	w.router = httpapi.NewRouter(s.Routes(), log, now)
	// Whatever a test does, nothing secret and nobody's address or name is logged.
	t.Cleanup(func() {
		for _, secret := range []string{"c4n4ry", "example.com", "Anna Berg", edgeSecret} {
			if strings.Contains(w.log.String(), secret) {
				t.Errorf("the log has %s: %s", secret, w.log)
			}
		}
	})
	return w
}

// ask sends a request; headers are pairs. The answer is checked against the contract.
func (w *world) ask(route, body, user string, headers ...string) httpapi.Response {
	w.t.Helper()
	method, path, _ := strings.Cut(route, " ")
	event := events.APIGatewayV2HTTPRequest{RouteKey: route, RawPath: path, Body: body, Headers: map[string]string{"content-type": "application/json"}}
	event.RequestContext.HTTP.Method = method
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "cookie" {
			event.Cookies = append(event.Cookies, headers[i+1])
			continue
		}
		event.Headers[headers[i]] = headers[i+1]
	}
	if user != "" {
		event.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
			JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: map[string]string{"sub": user}},
		}
	}
	response, err := w.router.Handle(w.t.Context(), event)
	if err != nil {
		w.t.Fatal(err)
	}
	checked := response
	if len(response.Cookies) > 0 {
		checked.Headers = map[string]string{"Set-Cookie": response.Cookies[0]}
		for name, value := range response.Headers {
			checked.Headers[name] = value
		}
	}
	if problems := w.contract.Problems(w.t, method, path, checked); problems != "" {
		w.t.Errorf("%s %d %s: %s", route, response.StatusCode, response.Body, problems)
	}
	return response
}

func (w *world) want(r httpapi.Response, status int, code string) {
	w.t.Helper()
	var p struct {
		Code    string `json:"code"`
		Pointer string `json:"pointer"`
	}
	if r.Body != "" {
		if err := json.Unmarshal([]byte(r.Body), &p); err != nil {
			w.t.Fatal(err)
		}
	}
	if code, pointer, _ := strings.Cut(code, " "); r.StatusCode != status || p.Code != code || pointer != "" && p.Pointer != pointer {
		w.t.Errorf("%d %s, want %d %s", r.StatusCode, r.Body, status, code)
	}
}

// cookieOf returns the pair of the one cookie of an answer.
func (w *world) cookieOf(r httpapi.Response) string {
	w.t.Helper()
	if len(r.Cookies) != 1 {
		w.t.Fatalf("%d: cookies %q", r.StatusCode, r.Cookies)
	}
	pair, _, _ := strings.Cut(r.Cookies[0], ";")
	return pair
}

const signupBody = `{"email":"Anna@Example.com","password":"` + password + `","name":"Anna Berg"}`

func (w *world) signup() (id, cookie string) {
	w.t.Helper()
	r := w.ask("POST /api/auth/signup", signupBody, "", "accept-language", "de-AT")
	w.want(r, 201, "")
	var body struct {
		AccessToken string
		ExpiresIn   int
		User        struct{ ID, Email, Name string }
	}
	if err := json.Unmarshal([]byte(r.Body), &body); err != nil || body.AccessToken != "c4n4ry-token-of-"+body.User.ID || body.ExpiresIn != 900 || body.User.Email != "Anna@Example.com" {
		w.t.Errorf("%s, %v", r.Body, err)
	}
	return body.User.ID, w.cookieOf(r)
}

func (w *world) login(password string, headers ...string) httpapi.Response {
	w.t.Helper()
	return w.ask("POST /api/auth/login", `{"email":"ANNA@example.com","password":"`+password+`"}`, "", headers...)
}

func TestSignUpSignInAndTheOwnAccount(t *testing.T) {
	w := newWorld(t)
	id, cookie := w.signup()
	want := cookie + "; Path=/api/auth; Max-Age=2592000; HttpOnly; Secure; SameSite=Lax"
	r := w.login(password)
	w.want(r, 200, "")
	if got := r.Cookies[0]; !strings.HasPrefix(cookie, "__Secure-boxoffice_refresh=") || strings.TrimPrefix(got, w.cookieOf(r)) != strings.TrimPrefix(want, cookie) {
		t.Errorf("cookie %s", got)
	}
	w.want(w.ask("POST /api/auth/signup", strings.Replace(signupBody, "Anna@Example", "anna@EXAMPLE", 1), ""), 409, "email_taken /email")
	if len(w.store.Users()) != 1 {
		t.Errorf("accounts %+v", w.store.Users())
	}
	r = w.ask("GET /api/me", "", id)
	if wanted := `{"id":"` + id + `","email":"Anna@Example.com","emailConfirmed":false,"name":"Anna Berg","locale":"de","createdAt":"2030-03-01T12:00:00.000Z"}`; r.Body != wanted {
		t.Errorf("%s, want %s", r.Body, wanted)
	}
	w.want(w.ask("PATCH /api/me", `{"name":" Anna  B ","locale":"en"}`, id), 200, "")
	if u, _, _ := w.store.User(t.Context(), id); u.Name != "Anna  B" || u.Locale != "en" || u.CreatedAt != contracts.InstantOf(w.now) {
		t.Errorf("%+v", u)
	}
	w.want(w.ask("GET /api/me", "", "nobody"), 401, "unauthorized")
	w.want(w.ask("PATCH /api/me", `{"locale":"de"}`, "nobody"), 401, "unauthorized")
	for _, route := range []string{"GET /api/me", "PATCH /api/me", "POST /api/auth/confirmations"} {
		w.want(w.ask(route, `{}`, ""), 401, "unauthorized")
	}
}

func TestBadInputNamesItsPlace(t *testing.T) {
	w := newWorld(t)
	id, _ := w.signup()
	const up, me = "POST /api/auth/signup", "PATCH /api/me"
	with := func(member, value string) string {
		body := map[string]any{"email": "b@example.com", "password": "korrekt pferd", "name": "B"}
		var v any
		if err := json.Unmarshal([]byte(value), &v); err != nil {
			t.Fatal(err)
		}
		body[member] = v
		encoded, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		return string(encoded)
	}
	for _, c := range []struct {
		route, body, code string
		status            int
	}{
		{up, `{}`, "invalid_request /email", 400}, {up, `{"email":"b@example.com"}`, "invalid_request /password", 400},
		{up, with("name", `7`), "invalid_request /name", 400}, {up, with("name", `null`), "invalid_request /name", 400},
		{up, with("email", `"b"`), "invalid_email /email", 422}, {up, with("email", `"b\u0000@example.com"`), "invalid_email /email", 422},
		{up, with("name", `"\u202eb"`), "invalid_name /name", 422}, {up, with("name", `"`+strings.Repeat("x", 1000)+`"`), "invalid_name /name", 422},
		{up, with("password", `"short"`), "weak_password /password", 422}, {up, with("password", `"iloveyou"`), "weak_password /password", 422},
		{up, with("locale", `"fr"`), "invalid_request /locale", 400}, {up, `{`, "invalid_json", 400},
		// Mass assignment: no member that the contract does not name.
		{up, with("operator", `true`), "invalid_json /operator", 400}, {up, with("scope", `"operator"`), "invalid_json /scope", 400},
		{up, with("id", `"u1"`), "invalid_json /id", 400}, {up, with("emailConfirmed", `true`), "invalid_json /emailConfirmed", 400},
		{me, `{"emailConfirmed":true}`, "invalid_json /emailConfirmed", 400}, {me, `{"operator":true,"name":"x"}`, "invalid_json /operator", 400},
		{me, `{"email":"x@example.com"}`, "invalid_json /email", 400}, {me, `{}`, "invalid_request", 400}, {me, `{"name":""}`, "invalid_name /name", 422},
		{me, `{"locale":"DE"}`, "invalid_request /locale", 400}, {"POST /api/auth/login", `{"email":"x"}`, "invalid_request /password", 400},
		{"POST /api/auth/login", `{"password":"x"}`, "invalid_request /email", 400}, {"POST /api/auth/login", `{"email":"x","password":"x"}`, "invalid_credentials", 401},
		{"POST /api/auth/confirm", `{}`, "invalid_request /token", 400}, {"POST /api/auth/confirm", `{"token":"x"}`, "link_expired /token", 410},
		{"POST /api/auth/password", `{"token":"x"}`, "invalid_request /password", 400}, {"POST /api/auth/password-resets", `{}`, "invalid_request /email", 400},
	} {
		user := ""
		if c.route == me {
			user = id
		}
		before := len(w.store.Users())
		w.want(w.ask(c.route, c.body, user), c.status, c.code)
		if len(w.store.Users()) != before {
			t.Errorf("%s %s made an account", c.route, c.body)
		}
	}
}

// An address without an account gets the answer of a wrong password, for the same work.
func TestLoginTellsNothingOfAccounts(t *testing.T) {
	w := newWorld(t)
	w.signup()
	w.hasher.hashes = 0
	wrong := w.login("another password")
	one := w.hasher.hashes
	unknown := w.ask("POST /api/auth/login", `{"email":"nobody@example.com","password":"`+password+`"}`, "")
	w.want(wrong, 401, "invalid_credentials")
	if wrong.Body != unknown.Body || wrong.StatusCode != unknown.StatusCode || one != 1 || w.hasher.hashes != 2 || len(unknown.Cookies)+len(wrong.Cookies) > 0 {
		t.Errorf("%s %d\n%s %d, %d hashes", wrong.Body, one, unknown.Body, unknown.StatusCode, w.hasher.hashes)
	}
	known := w.ask("POST /api/auth/password-resets", `{"email":"anna@example.com"}`, "")
	nobody := w.ask("POST /api/auth/password-resets", `{"email":"nobody@example.com"}`, "")
	if known.StatusCode != 202 || known.Body != nobody.Body || known.Headers["Retry-After"] != "60" || nobody.Headers["Retry-After"] != "60" {
		t.Errorf("%+v\n%+v", known, nobody)
	}
	// The same call to the queue too: notify finds no account of the second.
	if all := w.sent.links; len(all) != 3 || all[1].Link != identity.LinkReset || all[2].Link != identity.LinkReset || all[1].UserID == all[2].UserID {
		t.Errorf("asked for %+v", all)
	}
}

// Whoever asks for resets of another's account cannot use up the letters that its owner asks for.
func TestTheOwnersResetsAreCountedApart(t *testing.T) {
	w := newWorld(t)
	w.want(w.ask("POST /api/auth/signup", signupBody, "", at("192.0.2.1")...), 201, "")
	reset := func(from string) (letters int) {
		before := len(w.sent.links)
		w.want(w.ask("POST /api/auth/password-resets", `{"email":"anna@example.com"}`, "", at(from)...), 202, "")
		return len(w.sent.links) - before
	}
	got := 0
	for range 5 {
		got += reset("203.0.113.9")
	}
	if own := reset("192.0.2.1"); got != 3 || own != 1 {
		t.Errorf("%d letters for others, %d for the owner", got, own)
	}
}

// A login by the old password that is under way while a new password is set gives no session that outlives it.
func TestALoginDuringAResetGivesNoSession(t *testing.T) {
	w := newWorld(t)
	w.signup()
	w.want(w.ask("POST /api/auth/password-resets", `{"email":"anna@example.com"}`, ""), 202, "")
	token := w.linkOf(identity.LinkReset)
	w.hasher.meanwhile = func() {
		w.want(w.ask("POST /api/auth/password", `{"token":"`+token+`","password":"c4n4ry-second"}`, ""), 204, "")
	}
	if r := w.login(password); r.StatusCode != 401 {
		t.Errorf("%d: a session by the old password", r.StatusCode)
	}
	w.want(w.login("c4n4ry-second"), 200, "")
}

func TestRefreshRotatesAndReuseEndsTheSession(t *testing.T) {
	w := newWorld(t)
	_, first := w.signup()
	refresh := func(cookie string) httpapi.Response {
		return w.ask("POST /api/auth/refresh", "", "", "cookie", cookie)
	}
	r := refresh(first)
	w.want(r, 200, "")
	second := w.cookieOf(r)
	if second == first || strings.Contains(r.Body, "user") {
		t.Errorf("%s, %s", second, r.Body)
	}
	// Two tabs: the second sends the old token within 30 s, and gets the same new one.
	w.now = w.now.Add(30 * time.Second)
	if again := refresh(first); again.StatusCode != 200 || w.cookieOf(again) != second {
		t.Errorf("within the grace: %d %s", again.StatusCode, again.Cookies)
	}
	third := w.cookieOf(refresh(second))
	w.now = w.now.Add(31 * time.Second)
	stolen := refresh(second)
	w.want(stolen, 401, "session_ended")
	if got := stolen.Cookies[0]; !strings.Contains(got, "Max-Age=0") {
		t.Errorf("the cookie stays: %s", got)
	}
	w.want(refresh(third), 401, "session_ended")
	for _, cookie := range []string{"", "boxoffice_refresh=x", "__Secure-boxoffice_refresh=", third + "x", strings.Replace(third, ".", "..", 1)} {
		w.want(refresh(cookie), 401, "session_ended")
	}
	if w.store.Sessions() != 0 {
		t.Errorf("%d sessions are left", w.store.Sessions())
	}
}

func TestSessionsEnd(t *testing.T) {
	w := newWorld(t)
	_, first := w.signup()
	// A generation older than the last one ends the session even within the grace.
	second := w.cookieOf(w.ask("POST /api/auth/refresh", "", "", "cookie", first))
	third := w.cookieOf(w.ask("POST /api/auth/refresh", "", "", "cookie", second))
	w.want(w.ask("POST /api/auth/refresh", "", "", "cookie", first), 401, "session_ended")
	w.want(w.ask("POST /api/auth/refresh", "", "", "cookie", third), 401, "session_ended")
	// Idle for 30 days.
	cookie := w.cookieOf(w.login(password))
	w.now = w.now.Add(30 * 24 * time.Hour)
	w.want(w.ask("POST /api/auth/refresh", "", "", "cookie", cookie), 401, "session_ended")
	// Refreshed every week: 180 days in all.
	cookie = w.cookieOf(w.login(password))
	weeks := 0
	for ; weeks < 40; weeks++ {
		w.now = w.now.Add(7 * 24 * time.Hour)
		r := w.ask("POST /api/auth/refresh", "", "", "cookie", cookie)
		if r.StatusCode != 200 {
			break
		}
		cookie = w.cookieOf(r)
	}
	if weeks != 25 {
		t.Errorf("a session lived %d weeks", weeks)
	}
	// Logout ends its session alone, and may be sent again.
	one, two := w.cookieOf(w.login(password)), w.cookieOf(w.login(password))
	for range 2 {
		r := w.ask("POST /api/auth/logout", "", "", "cookie", one)
		w.want(r, 204, "")
		if !strings.Contains(r.Cookies[0], "Max-Age=0") {
			t.Errorf("the cookie stays: %s", r.Cookies)
		}
	}
	w.want(w.ask("POST /api/auth/refresh", "", "", "cookie", one), 401, "session_ended")
	w.want(w.ask("POST /api/auth/refresh", "", "", "cookie", two), 200, "")
	w.want(w.ask("POST /api/auth/logout", "", ""), 204, "")
}

// A cookie that somebody put into the browser before the login gets no access to the account, and its session ends.
func TestALoginStartsASessionOfItsOwn(t *testing.T) {
	w := newWorld(t)
	_, planted := w.signup()
	r := w.login(password, "cookie", planted)
	if got := w.cookieOf(r); got == planted || strings.Split(got, ".")[0] == strings.Split(planted, ".")[0] {
		t.Errorf("the login kept the session of %s", got)
	}
	w.want(w.ask("POST /api/auth/refresh", "", "", "cookie", planted), 401, "session_ended")
}

func TestPagesOfOtherSitesAreRefused(t *testing.T) {
	w := newWorld(t)
	_, cookie := w.signup()
	for _, c := range []struct {
		headers []string
		refused bool
	}{
		{nil, false}, {[]string{"origin", site}, false}, {[]string{"sec-fetch-site", "same-origin"}, false},
		{[]string{"sec-fetch-site", "same-origin", "origin", site}, false},
		{[]string{"origin", "https://evil.example"}, true}, {[]string{"origin", "null"}, true}, {[]string{"origin", site + ".evil.example"}, true},
		{[]string{"sec-fetch-site", "cross-site"}, true}, {[]string{"sec-fetch-site", "same-site", "origin", site}, true}, {[]string{"sec-fetch-site", "none"}, true},
		// An origin that the edge allows.
		{[]string{"sec-fetch-site", "same-site", "origin", "https://dev.example"}, false}, {[]string{"origin", "https://dev.example"}, false},
		{[]string{"sec-fetch-site", "same-site"}, true}, {[]string{"sec-fetch-site", "same-site", "origin", "https://dev.example.evil.example"}, true},
	} {
		for _, route := range []string{"POST /api/auth/refresh", "POST /api/auth/logout", "POST /api/auth/login", "POST /api/auth/signup"} {
			r := w.ask(route, `{}`, "", append([]string{"cookie", "x=" + cookie}, c.headers...)...)
			if (r.StatusCode == http.StatusForbidden) != c.refused || c.refused && len(r.Cookies) > 0 {
				t.Errorf("%s with %v: %d, cookies %v", route, c.headers, r.StatusCode, r.Cookies)
			}
		}
	}
	w.want(w.ask("POST /api/auth/refresh", "", "", "cookie", cookie), 200, "")
}

// at are the headers of a request that came through the edge from an address.
func at(address string) []string {
	return []string{"x-origin-secret", edgeSecret, "cloudfront-viewer-address", address + ":4711"}
}

// An attacker who tries passwords is slowed, and does not lock his victim out of an address that the victim uses.
func TestTheAccountsCounterSlowsUnknownAddresses(t *testing.T) {
	w := newWorld(t)
	w.signup()
	w.want(w.login(password, at("198.51.100.1")...), 200, "")
	refused := 0
	for i := range 30 {
		if r := w.login("guess", at("203.0.113."+string(rune('1'+i%9)))...); r.StatusCode == http.StatusTooManyRequests {
			refused++
			if r.Headers["Retry-After"] != "900" {
				t.Errorf("Retry-After %q", r.Headers["Retry-After"])
			}
		}
	}
	// The victim's first login took one of the ten.
	if refused != 21 {
		t.Errorf("%d of 30 guesses were refused", refused)
	}
	w.want(w.login(password, at("203.0.113.99")...), 429, "too_many_requests")
	w.want(w.login(password, at("198.51.100.1")...), 200, "")
	// Whoever only claims the address, without the edge's secret, is not known.
	w.want(w.login(password, "cloudfront-viewer-address", "198.51.100.1:1"), 429, "too_many_requests")
	// The same counts for an address without an account.
	for range 10 {
		w.want(w.ask("POST /api/auth/login", `{"email":"x@example.com","password":"y"}`, ""), 401, "invalid_credentials")
	}
	w.want(w.ask("POST /api/auth/login", `{"email":"x@example.com","password":"y"}`, ""), 429, "too_many_requests")
	w.now = w.now.Add(15 * time.Minute)
	w.want(w.login(password, at("203.0.113.99")...), 200, "")
}

func TestAddressesAreCountedOnlyBehindTheEdge(t *testing.T) {
	w := newWorld(t)
	signup := func(n int, headers ...string) int {
		return w.ask("POST /api/auth/signup", strings.Replace(signupBody, "Anna@", string(rune('a'+n))+"@", 1), "", headers...).StatusCode
	}
	for i := range 5 {
		if got := signup(i, at("2001:db8:1:2::"+string(rune('1'+i)))...); got != 201 {
			t.Fatalf("signup %d: %d", i, got)
		}
	}
	if got := signup(5, at("2001:db8:1:2:ffff::1")...); got != 429 {
		t.Errorf("the sixth of one network: %d", got)
	}
	if got := signup(6, at("2001:db8:1:3::1")...); got != 201 {
		t.Errorf("another network: %d", got)
	}
	if got := signup(7, "cloudfront-viewer-address", "[2001:db8:1:2::1]:1", "x-origin-secret", "wrong"); got != 201 {
		t.Errorf("an address without proof was counted: %d", got)
	}
	if got := signup(8, "x-origin-secret", edgeSecret, "cloudfront-viewer-address", "[2001:db8:1:2::1]:1"); got != 429 {
		t.Errorf("an address in brackets is another one: %d", got)
	}
}

// linkOf returns the token of the last mail that was asked for, as notify makes it.
func (w *world) linkOf(kind identity.LinkKind) string {
	w.t.Helper()
	all := w.sent.links
	if len(all) == 0 || all[len(all)-1].Link != kind {
		w.t.Fatalf("asked for %+v", all)
	}
	l := all[len(all)-1]
	keys, err := sealed.ParseKeys("1:" + strings.Repeat("A", 43))
	if err != nil {
		w.t.Fatal(err)
	}
	return maillink.Token(keys, kind, l.UserID, l.Nonce, l.LinkEndsAt)
}

func TestConfirmationLinksWorkOnceForAnHour(t *testing.T) {
	w := newWorld(t)
	id, _ := w.signup()
	old := w.linkOf(identity.LinkConfirm)
	w.want(w.ask("POST /api/auth/confirmations", "", id), 202, "")
	token := w.linkOf(identity.LinkConfirm)
	confirm := func(token string) httpapi.Response {
		return w.ask("POST /api/auth/confirm", `{"token":"`+token+`"}`, "")
	}
	w.want(confirm(old), 410, "link_expired /token") // not the newest
	w.now = w.now.Add(time.Hour)
	w.want(confirm(token), 410, "link_expired")
	w.want(w.ask("POST /api/auth/confirmations", "", id), 202, "")
	token = w.linkOf(identity.LinkConfirm)
	w.want(w.ask("POST /api/auth/password", `{"token":"`+token+`","password":"korrekt pferd"}`, ""), 410, "link_expired")
	w.want(confirm(token), 204, "")
	w.want(confirm(token), 410, "link_expired")
	if u, _, _ := w.store.User(t.Context(), id); !u.EmailConfirmed {
		t.Error("the address is not confirmed")
	}
	sent := len(w.sent.links)
	w.want(w.ask("POST /api/auth/confirmations", "", id), 202, "")
	if len(w.sent.links) != sent {
		t.Error("a confirmed address got another letter")
	}
}

func TestAResetLinkSetsThePasswordOnceAndEndsEverySession(t *testing.T) {
	w := newWorld(t)
	_, cookie := w.signup()
	w.want(w.ask("POST /api/auth/password-resets", `{"email":"ANNA@example.com"}`, ""), 202, "")
	token := w.linkOf(identity.LinkReset)
	set := func(password string) httpapi.Response {
		return w.ask("POST /api/auth/password", `{"token":"`+token+`","password":"`+password+`"}`, "")
	}
	w.want(set("iloveyou"), 422, "weak_password /password")
	w.want(set("c4n4ry-second"), 204, "")
	w.want(set("c4n4ry-third"), 410, "link_expired")
	w.want(w.ask("POST /api/auth/refresh", "", "", "cookie", cookie), 401, "session_ended")
	w.want(w.login(password), 401, "invalid_credentials")
	w.want(w.login("c4n4ry-second"), 200, "")
	// Three letters an hour to one address; the answer stays the same.
	for range 5 {
		w.want(w.ask("POST /api/auth/password-resets", `{"email":"anna@example.com"}`, ""), 202, "")
	}
	if resets := len(w.sent.links) - 1; resets != 3 {
		t.Errorf("%d letters in an hour", resets)
	}
}

func TestOnlyAnOperatorsTokenHasTheScope(t *testing.T) {
	w := newWorld(t)
	id, cookie := w.signup()
	if w.tokens.scope != "buyer" {
		t.Errorf("scope %q", w.tokens.scope)
	}
	w.store.MakeOperator(id)
	w.want(w.ask("POST /api/auth/refresh", "", "", "cookie", cookie), 200, "")
	if w.tokens.scope != "buyer operator" {
		t.Errorf("scope %q", w.tokens.scope)
	}
}

func TestAStoreThatFailsIsNoAnswer(t *testing.T) {
	w := newWorld(t)
	id, cookie := w.signup()
	confirm := w.linkOf(identity.LinkConfirm)
	w.want(w.ask("POST /api/auth/password-resets", `{"email":"anna@example.com"}`, ""), 202, "")
	reset := w.linkOf(identity.LinkReset)
	w.store.Fail(errors.New("down"))
	for route, body := range map[string]string{
		"POST /api/auth/signup": signupBody, "POST /api/auth/login": `{"email":"anna@example.com","password":"` + password + `"}`,
		"POST /api/auth/refresh": "", "POST /api/auth/logout": "", "GET /api/me": "", "PATCH /api/me": `{"locale":"en"}`,
		"POST /api/auth/confirmations": "", "POST /api/auth/password-resets": `{"email":"anna@example.com"}`,
		"POST /api/auth/confirm":  `{"token":"` + confirm + `"}`,
		"POST /api/auth/password": `{"token":"` + reset + `","password":"c4n4ry-second"}`,
	} {
		r := w.ask(route, body, id, "cookie", cookie)
		w.want(r, 503, "unavailable")
		if len(r.Cookies) > 0 || r.Headers["Retry-After"] == "" {
			t.Errorf("%s: %+v", route, r)
		}
	}
	w.store.Fail(nil)
	w.want(w.ask("POST /api/auth/refresh", "", "", "cookie", cookie), 200, "")
}
