package identity_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/producers/internal/httpapi"
)

// form is a route with a body: a good value for each member, which members may be missing, and the answer to a value that no
// account or link can have.
type form struct {
	route   string
	members map[string]string
	options []string
	// refuses maps a member to the answer to a text that is not one of it, as "422 invalid_email /email". Members that are not named
	// take any text.
	refuses map[string]string
	// otherwise is the answer to values that are formally right.
	otherwise string
}

// forms are all routes of accounts that take a body. No value of them is right, so that each answer is a refusal or says nothing.
var forms = []form{
	{
		route:   "POST /api/auth/signup",
		members: map[string]string{"email": "ben@example.com", "password": "korrekt pferd", "name": "Ben", "locale": "en"}, options: []string{"locale"},
		refuses: map[string]string{"email": "422 invalid_email /email", "password": "422 weak_password /password", "name": "422 invalid_name /name", "locale": "400 invalid_request /locale"},
	},
	{
		route:     "POST /api/auth/login",
		members:   map[string]string{"email": "ben@example.com", "password": "korrekt pferd"},
		otherwise: "401 invalid_credentials",
	},
	{
		route:     "POST /api/auth/confirm",
		members:   map[string]string{"token": "dTE.bjE.MTc3Nw.c2VhbA"},
		otherwise: "410 link_expired /token",
	},
	{
		route:     "POST /api/auth/password-resets",
		members:   map[string]string{"email": "ben@example.com"},
		otherwise: "202",
	},
	{
		route:     "POST /api/auth/password",
		members:   map[string]string{"token": "dTE.bjE.MTc3Nw.c2VhbA", "password": "korrekt pferd"},
		otherwise: "410 link_expired /token",
	},
	{
		route:   "PATCH /api/me",
		members: map[string]string{"name": "Ben", "locale": "en"}, options: []string{"name", "locale"},
		refuses: map[string]string{"name": "422 invalid_name /name", "locale": "400 invalid_request /locale"},
	},
}

// never are members that an account has or that a client might hope for. No route takes one.
var never = []string{
	"id", "userId", "sub", "role", "scope", "scopes", "operator", "admin", "isAdmin", "emailConfirmed", "createdAt", "mailKey", "accountItem",
	"passwordHash", "sessionEpoch", "confirmNonce", "resetNonce", "generation", "Email", "EMAIL", "Name", "__proto__", "constructor", "", "name\u0000",
}

// body returns the JSON of members in their order, each as it is given.
func body(members ...[2]string) string {
	var parts []string
	for _, m := range members {
		name, err := json.Marshal(m[0])
		if err != nil {
			panic(err)
		}
		parts = append(parts, string(name)+":"+m[1])
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func (f form) with(change map[string]string) string {
	all := map[string]string{}
	for name, value := range f.members {
		all[name] = `"` + value + `"`
	}
	maps.Copy(all, change)
	var list [][2]string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name] != "" {
			list = append(list, [2]string{name, all[name]})
		}
	}
	return body(list...)
}

func pointerTo(member string) string {
	return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(member)
}

// badInput is one request that is refused, and its answer.
type badInput struct{ name, body, answer string }

// generic are the cases that every route has, whatever its members mean.
func (f form) generic() []badInput {
	first := slices.Sorted(maps.Keys(f.members))[0]
	good := f.with(nil)
	cases := []badInput{
		{"no body", "", "400 invalid_json"}, {"blanks", " \n", "400 invalid_json"}, {"half of it", good[:len(good)-1], "400 invalid_json"},
		{"two values", good + good, "400 invalid_json"}, {"something behind it", good + "x", "400 invalid_json"}, {"a form", "email=a&password=b", "400 invalid_json"},
		{"a list", "[" + good + "]", "400 invalid_request"}, {"a text", `"x"`, "400 invalid_request"}, {"null", "null", "400 invalid_request"},
		{"a mark of the byte order", "\ufeff" + good, "400 invalid_json"}, {"UTF-16", "\xff\xfe{\x00}\x00", "400 invalid_json"},
		{"over 8 KB", good + strings.Repeat(" ", 8192), "413 body_too_large"},
		{"nested", strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1000), "400 invalid_json /a"},
		{"bytes that are no UTF-8", f.with(map[string]string{first: "\"\xff\""}), "400 invalid_json " + pointerTo(first)},
	}
	for member := range f.members {
		at := " " + pointerTo(member)
		for _, value := range []string{"null", "1", "1.5", "true", "[]", "{}", `["x"]`} {
			cases = append(cases, badInput{member + " is " + value, f.with(map[string]string{member: value}), "400 invalid_request" + at})
		}
		cases = append(cases,
			badInput{member + " is half of a character", f.with(map[string]string{member: `"a\ud800b"`}), "400 invalid_json" + at},
			badInput{member + " is there twice", strings.TrimSuffix(good, "}") + `,"` + member + `":"x"}`, "400 invalid_json" + at},
			badInput{member + " has a raw NUL", f.with(map[string]string{member: "\"a\x00b\""}), "400 invalid_json" + at})
		if !slices.Contains(f.options, member) {
			cases = append(cases, badInput{member + " is missing", f.with(map[string]string{member: ""}), "400 invalid_request" + at})
		}
	}
	for _, member := range never {
		for _, value := range []string{`"operator"`, "true", "null"} {
			cases = append(cases, badInput{
				"a member " + member, strings.TrimSuffix(good, "}") + "," + strings.TrimPrefix(body([2]string{member, value}), "{"), "400 invalid_json " + pointerTo(member),
			})
		}
	}
	return cases
}

// texts are values that are strings and still wrong for some members; the members that they are right for are named.
var texts = []struct {
	name, value string
	rightFor    []string
}{
	{"nothing", "", nil},
	{"1,000 characters", strings.Repeat("x", 1000), nil},
	{"a NUL", `An\u0000na-Anna@example.com`, []string{"password"}},
	{"emoji", "😀😀😀😀 👩🏽‍🎤 Anna", []string{"name", "password"}},
	{"right to left", "עמר אבו בכר", []string{"name", "password"}},
	{"a direction that is turned", `Anna\u202egnp.exe`, []string{"password"}},
	{"a new line", `Anna\r\nBcc: x@example.com`, []string{"password"}},
	{"markup", "<script>alert(1)</script>", []string{"name", "password"}},
	{"SQL", "'; DROP TABLE users; --", []string{"name", "password"}},
}

func (f form) ofTexts() []badInput {
	var cases []badInput
	for member := range f.members {
		for _, text := range texts {
			answer := f.otherwise
			if refused, picky := f.refuses[member]; picky {
				if slices.Contains(text.rightFor, member) {
					continue
				}
				answer = refused
			}
			cases = append(cases, badInput{member + " is " + text.name, f.with(map[string]string{member: `"` + text.value + `"`}), answer})
		}
	}
	return cases
}

// Every route answers every bad body with the code and the place of what is wrong, and changes nothing.
func TestEveryRouteNamesWhatIsWrong(t *testing.T) {
	tried := 0
	for _, f := range forms {
		t.Run(f.route, func(t *testing.T) {
			w := newWorld(t)
			id, cookie := w.signup()
			try := func(c badInput, headers ...string) {
				t.Helper()
				tried++
				user := ""
				if strings.HasSuffix(f.route, "/me") {
					user = id
				}
				users, sessions, letters := w.store.Users(), w.store.Sessions(), len(w.sent.links)
				r := w.ask(f.route, c.body, user, headers...)
				w.now = w.now.Add(15 * time.Minute) // the window of the counter of attempts at an account
				if got := answerOf(t, r); !strings.HasPrefix(got, c.answer) || len(r.Cookies) > 0 {
					t.Errorf("%s: %s, want %s, cookies %v: %.300s", c.name, got, c.answer, r.Cookies, r.Body)
				}
				if !slices.Equal(w.store.Users(), users) || w.store.Sessions() != sessions || len(w.sent.links) != letters {
					t.Errorf("%s: something was changed", c.name)
				}
			}
			for _, c := range append(f.generic(), f.ofTexts()...) {
				try(c)
			}
			for _, content := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "multipart/form-data", "application/json; charset=utf-16"} {
				try(badInput{"of type " + content, f.with(nil), "415 unsupported_media_type"}, "content-type", content)
			}
			w.want(w.ask("POST /api/auth/refresh", "", "", "cookie", cookie), http.StatusOK, "")
		})
	}
	if tried < 500 {
		t.Errorf("only %d requests were tried", tried)
	}
}

// answerOf returns status, code and pointer.
func answerOf(t *testing.T, r httpapi.Response) string {
	t.Helper()
	var p struct {
		Status  int
		Code    string
		Pointer string
	}
	if r.StatusCode >= http.StatusBadRequest {
		if err := json.Unmarshal([]byte(r.Body), &p); err != nil || p.Status != r.StatusCode || r.Headers["Content-Type"] != "application/problem+json" {
			t.Errorf("%d %v %s, %v", r.StatusCode, r.Headers, r.Body, err)
		}
	}
	return strings.TrimSpace(fmt.Sprint(r.StatusCode, " ", p.Code, " ", p.Pointer))
}
