package gateway

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/go-jose/go-jose/v4"
)

// issuer serves a discovery document and the published keys.
type issuer struct {
	*httptest.Server
	mu      sync.Mutex
	keys    jose.JSONWebKeySet
	down    atomic.Bool
	fetches atomic.Int32
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		i.fetches.Add(1)
		if i.down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": i.URL + "/api", "jwks_uri": i.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		_ = json.NewEncoder(w).Encode(i.keys)
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

func newKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (i *issuer) publish(id string, key *rsa.PrivateKey) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys.Keys = append(i.keys.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: id, Algorithm: "RS256", Use: "sig"})
}

// sign returns a token; key is an *rsa.PrivateKey or a shared secret.
func sign(t *testing.T, algorithm jose.SignatureAlgorithm, id string, key any, claims map[string]any) string {
	t.Helper()
	options := &jose.SignerOptions{}
	if id != "" {
		options.WithHeader("kid", id)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (i *issuer) claims(changes map[string]any) map[string]any {
	c := map[string]any{"iss": i.URL + "/api", "aud": "boxoffice", "sub": "u1", "exp": noon.Add(time.Minute).Unix(), "iat": noon.Add(-time.Minute).Unix()}
	for name, value := range changes {
		if value == nil {
			delete(c, name)
			continue
		}
		c[name] = value
	}
	return c
}

func jwtGateway(t *testing.T, i *issuer) (*Gateway, *[]call) {
	t.Helper()
	return newGateway(t, Options{
		Routes:     []Route{{Key: "GET /mine", Function: "mine", JWT: true}, {Key: "$default", Function: "open"}},
		Authorizer: NewAuthorizer(i.URL+"/api", "boxoffice", func() time.Time { return noon }),
	}, `{"statusCode":200}`, nil)
}

// mine is the response of the protected route.
type mine struct {
	status    int
	body      string
	challenge string
}

func getMine(t *testing.T, g *Gateway, authorization string) mine {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/mine", nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	answer := do(g, r)
	return mine{status: answer.Code, body: answer.Body.String(), challenge: answer.Header().Get("Www-Authenticate")}
}

func TestGoodTokenReachesTheFunctionAsStrings(t *testing.T) {
	i, key := newIssuer(t), newKey(t)
	i.publish("k1", key)
	g, calls := jwtGateway(t, i)
	token := sign(t, jose.RS256, "k1", key, i.claims(map[string]any{"aud": []string{"other", "boxoffice"}, "admin": true, "level": 1234567890123}))
	for _, header := range []string{"Bearer " + token, "bearer " + token, token} {
		if r := getMine(t, g, header); r.status != 200 {
			t.Fatalf("status %d for %.10s…", r.status, header)
		}
	}
	var e events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal((*calls)[0].Payload, &e); err != nil {
		t.Fatal(err)
	}
	if e.RequestContext.Authorizer == nil || e.RequestContext.Authorizer.JWT == nil {
		t.Fatalf("no authorizer in %s", (*calls)[0].Payload)
	}
	got := e.RequestContext.Authorizer.JWT.Claims
	for name, want := range map[string]string{"sub": "u1", "aud": "[other boxoffice]", "admin": "true", "level": "1234567890123", "exp": "1795521660"} {
		if got[name] != want {
			t.Errorf("claim %s is %q, want %q", name, got[name], want)
		}
	}
}

func TestBadTokensAreRefused(t *testing.T) {
	i, key, stranger := newIssuer(t), newKey(t), newKey(t)
	i.publish("k1", key)
	g, calls := jwtGateway(t, i)
	good := sign(t, jose.RS256, "k1", key, i.claims(nil))
	parts := strings.Split(good, ".")
	forgedPayload, err := json.Marshal(i.claims(map[string]any{"sub": "u2"}))
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	rs := func(id string, k *rsa.PrivateKey, changes map[string]any) string {
		return sign(t, jose.RS256, id, k, i.claims(changes))
	}
	for name, header := range map[string]string{
		"no token":              "",
		"no JWT":                "Bearer nonsense",
		"expired":               rs("k1", key, map[string]any{"exp": noon.Unix()}),
		"without exp":           rs("k1", key, map[string]any{"exp": nil}),
		"not yet valid":         rs("k1", key, map[string]any{"nbf": noon.Add(time.Second).Unix()}),
		"issued in the future":  rs("k1", key, map[string]any{"iat": noon.Add(time.Second).Unix()}),
		"wrong audience":        rs("k1", key, map[string]any{"aud": "other"}),
		"no audience":           rs("k1", key, map[string]any{"aud": nil}),
		"audience beats client": rs("k1", key, map[string]any{"aud": "other", "client_id": "boxoffice"}),
		"wrong issuer":          rs("k1", key, map[string]any{"iss": "http://other/api"}),
		"wrong key":             rs("k1", stranger, nil),
		"unknown key":           rs("k9", key, nil),
		"no key id":             rs("", key, nil),
		"RS512":                 sign(t, jose.RS512, "k1", key, i.claims(nil)),
		"HS256":                 sign(t, jose.HS256, "k1", []byte(strings.Repeat("s", 32)), i.claims(nil)),
		"alg none":              encode([]byte(`{"alg":"none","kid":"k1"}`)) + "." + parts[1] + ".",
		"changed payload":       parts[0] + "." + encode(forgedPayload) + "." + parts[2],
		"no signature":          parts[0] + "." + parts[1] + ".",
	} {
		if r := getMine(t, g, header); r.status != 401 || r.body != `{"message":"Unauthorized"}` || r.challenge != "Bearer" {
			t.Errorf("%s: %d %s %q", name, r.status, r.body, r.challenge)
		}
	}
	if len(*calls) != 0 {
		t.Errorf("%d refused tokens reached the function", len(*calls))
	}
	if r := getMine(t, g, good); r.status != 200 {
		t.Errorf("the good token: %d", r.status)
	}
	if r := getMine(t, g, rs("k1", key, map[string]any{"aud": nil, "client_id": "boxoffice"})); r.status != 200 {
		t.Errorf("a client's token: %d", r.status)
	}
	if r := do(g, httptest.NewRequest(http.MethodGet, "/open", nil)); r.Code != 200 {
		t.Errorf("an open route asked for a token: %d", r.Code)
	}
}

func TestNewKeysAreFetched(t *testing.T) {
	i, first, second := newIssuer(t), newKey(t), newKey(t)
	i.publish("k1", first)
	g, _ := jwtGateway(t, i)
	if r := getMine(t, g, sign(t, jose.RS256, "k1", first, i.claims(nil))); r.status != 200 {
		t.Fatalf("first key: %d", r.status)
	}
	i.publish("k2", second)
	// The library joins a fetch that has just ended and is not cleared yet, so that the first token may still meet its keys.
	token := sign(t, jose.RS256, "k2", second, i.claims(nil))
	for begun := time.Now(); getMine(t, g, token).status != 200; {
		if time.Since(begun) > 5*time.Second {
			t.Fatal("a key that was published later is not fetched")
		}
	}
}

func TestIssuerMayBeUnreachableAtFirst(t *testing.T) {
	i, key := newIssuer(t), newKey(t)
	i.publish("k1", key)
	i.down.Store(true)
	now := noon
	a := NewAuthorizer(i.URL+"/api", "boxoffice", func() time.Time { return now })
	token := sign(t, jose.RS256, "k1", key, i.claims(nil))
	for range 5 {
		if _, err := a.verify(context.Background(), token); err == nil {
			t.Fatal("accepted without keys")
		}
	}
	if n := i.fetches.Load(); n != 1 {
		t.Errorf("%d fetches within the pause, want 1", n)
	}
	i.down.Store(false)
	now = now.Add(refetchPause)
	if _, err := a.verify(context.Background(), token); err != nil {
		t.Errorf("after the issuer was reachable again: %v", err)
	}
}

func TestIssuerServedByTheGatewayItself(t *testing.T) {
	key, directory := newKey(t), t.TempDir()
	files, err := OpenFiles("/api/.well-known", directory)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = files.Close() }()
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	defer server.Close()
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "RS256", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, directory+"/openid-configuration", `{"issuer":"`+server.URL+`/api","jwks_uri":"`+server.URL+`/api/.well-known/jwks.json"}`)
	write(t, directory+"/jwks.json", string(keys))
	g, _ := newGateway(t, Options{
		Routes: []Route{{Key: "GET /mine", Function: "mine", JWT: true}}, Files: []*Files{files},
		Authorizer: NewAuthorizer(server.URL+"/api", "boxoffice", func() time.Time { return noon }),
	}, `{"statusCode":200}`, nil)
	handler = g
	token := sign(t, jose.RS256, "k1", key, map[string]any{"iss": server.URL + "/api", "aud": "boxoffice", "exp": noon.Add(time.Minute).Unix()})
	if r := getMine(t, g, "Bearer "+token); r.status != 200 {
		t.Errorf("status %d", r.status)
	}
}

// A route with scopes accepts a token that has one of them in scope or, where there is no scope, in scp; any other valid token
// gets 403, not 401. The event names the route's scopes.
func TestScopesOfARoute(t *testing.T) {
	i, key := newIssuer(t), newKey(t)
	i.publish("k1", key)
	g, calls := newGateway(t, Options{
		Routes:     []Route{{Key: "GET /mine", Function: "mine", JWT: true, Scopes: []string{"operator", "auditor"}}},
		Authorizer: NewAuthorizer(i.URL+"/api", "boxoffice", func() time.Time { return noon }),
	}, `{"statusCode":200}`, nil)
	for _, c := range []struct {
		claims map[string]any
		status int
	}{
		{map[string]any{"scope": "operator"}, 200},
		{map[string]any{"scope": "buyer auditor"}, 200},
		{map[string]any{"scope": []string{"buyer", "operator"}}, 200},
		{map[string]any{"scp": "operator"}, 200},
		{map[string]any{"scp": []string{"auditor"}}, 200},
		{nil, 403},
		{map[string]any{"scope": ""}, 403},
		{map[string]any{"scope": "operators"}, 403},
		{map[string]any{"scope": "Operator"}, 403},
		{map[string]any{"scope": "buyer", "scp": "operator"}, 403},
		{map[string]any{"scope": 7}, 403},
		{map[string]any{"roles": "operator"}, 403},
	} {
		r := getMine(t, g, sign(t, jose.RS256, "k1", key, i.claims(c.claims)))
		if r.status != c.status || c.status == 403 && r.body != `{"message":"Forbidden"}` {
			t.Errorf("%v: %d %s, want %d", c.claims, r.status, r.body, c.status)
		}
	}
	if r := getMine(t, g, "nonsense"); r.status != 401 {
		t.Errorf("no token: %d", r.status)
	}
	if len(*calls) != 5 {
		t.Errorf("%d requests reached the function, want 5", len(*calls))
	}
	var e events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal((*calls)[0].Payload, &e); err != nil {
		t.Fatal(err)
	}
	if got := e.RequestContext.Authorizer.JWT.Scopes; !slices.Equal(got, []string{"operator", "auditor"}) {
		t.Errorf("scopes %v", got)
	}
	if _, err := New(Options{Routes: []Route{{Key: "GET /open", Scopes: []string{"operator"}}}}); err == nil {
		t.Error("scopes without JWT were accepted")
	}
}

// AWS joins headers of one name, so a request with two tokens has no valid one, in either order.
func TestTwoTokensAreRefused(t *testing.T) {
	i, key := newIssuer(t), newKey(t)
	i.publish("k1", key)
	g, calls := jwtGateway(t, i)
	good := "Bearer " + sign(t, jose.RS256, "k1", key, i.claims(nil))
	for _, headers := range [][]string{{good, "Bearer x"}, {"Bearer x", good}, {good, good}} {
		r := httptest.NewRequest(http.MethodGet, "/mine", nil)
		r.Header["Authorization"] = headers
		if answer := do(g, r); answer.Code != http.StatusUnauthorized || len(*calls) != 0 {
			t.Errorf("%d of %d headers: %d %s", len(*calls), len(headers), answer.Code, answer.Body)
		}
	}
}
