package e2e

import (
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"boxoffice/scripts/internal/localtokens"
	"boxoffice/scripts/internal/testbed"
)

// publicKey returns the key that the stack publishes under an id.
func (s *stack) publicKey(t *testing.T, id string) *rsa.PublicKey {
	t.Helper()
	answer, err := http.Get(s.API + localtokens.WellKnown + localtokens.KeySetName) // a file, not a route of the contract
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	var set jose.JSONWebKeySet
	if err := json.NewDecoder(answer.Body).Decode(&set); err != nil {
		t.Fatal(err)
	}
	for _, k := range set.Key(id) {
		if public, ok := k.Key.(*rsa.PublicKey); ok && k.IsPublic() {
			return public
		}
	}
	t.Fatalf("no public key %s in %s", id, answer.Body)
	return nil
}

// Tokens of another algorithm or another kind give no access to any route, whichever function answers it.
func TestOtherKindsOfTokensAreRefused(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	claims := localtokens.ClaimsOf(s.API, testbed.Named("mallory"), time.Now(), localtokens.TTL)
	good, err := s.Key.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	claims.Type = "JWT"
	idToken, err := s.Key.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	payload := strings.Split(good, ".")[1]
	public := s.publicKey(t, s.Key.ID())
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	header := func(algorithm string) string {
		return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"alg":%q,"typ":"at+jwt","kid":%q}`, algorithm, s.Key.ID())) + "." + payload
	}
	// An implementation that takes the algorithm from the token takes the public key for the secret of an HMAC.
	hmacBy := func(secret []byte) string {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(header("HS256")))
		return header("HS256") + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	signature := strings.Split(good, ".")[2]
	tokens := map[string]string{
		"an id token":                      idToken,
		"HS256 by the public key as PEM":   hmacBy(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		"HS256 by the public key as DER":   hmacBy(der),
		"HS256 by the modulus":             hmacBy([]byte(base64.RawURLEncoding.EncodeToString(public.N.Bytes()))),
		"HS256 by nothing":                 hmacBy(nil),
		"alg none":                         header("none") + ".",
		"alg None":                         header("None") + ".",
		"alg none with a signature":        header("none") + "." + signature,
		"alg RS512 with RS256's signature": header("RS512") + "." + signature,
	}
	for _, route := range []string{"GET /me", "PATCH /me", "POST /auth/confirmations", "GET /me/orders", "POST /orders", "GET /orders/e1" + strings.Repeat("0", 30), "DELETE /orders/e1" + strings.Repeat("0", 30)} {
		method, path, _ := strings.Cut(route, " ")
		// A GET with a body does not pass the edge.
		body, headers := []byte(`{"locale":"en"}`), map[string]string{"Content-Type": "application/json"}
		if method == http.MethodGet {
			body, headers = nil, nil
		}
		ask := func(token string) int {
			answer, err := s.withToken(t, token).Do(t.Context(), method, path, body, headers)
			if err != nil {
				t.Fatal(err)
			}
			return answer.Status
		}
		for name, token := range tokens {
			if got := ask(token); got != http.StatusUnauthorized {
				t.Errorf("%s with %s: %d", route, name, got)
			}
		}
		// The user of the token has no account, which only the routes of accounts mind.
		if got := ask(good); got == http.StatusUnauthorized && strings.Contains(route, " /orders") {
			t.Errorf("%s with an access token: %d", route, got)
		}
	}
}
