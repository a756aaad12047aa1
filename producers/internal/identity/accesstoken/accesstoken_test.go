package accesstoken_test

import (
	"crypto/rand"
	"crypto/rsa"
	"maps"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"boxoffice/contracts"
	"boxoffice/contracts/tokenkeys"
	"boxoffice/producers/internal/identity/accesstoken"
)

var start = time.Date(2030, 3, 1, 12, 0, 0, 500e6, time.UTC)

func key(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestATokenHasTheClaimsThatTheGatewayChecks(t *testing.T) {
	private := key(t)
	issuer := accesstoken.New("https://boxoffice.example/api", tokenkeys.Set{{ID: "one", SignsFrom: start, Private: private}})
	text, err := issuer.Sign(accesstoken.Account{UserID: "u1", Scope: "buyer operator", CreatedAt: contracts.InstantOf(start)}, "id-1", start)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	if h := token.Headers[0]; h.KeyID != "one" || h.ExtraHeaders["typ"] != "at+jwt" || h.Algorithm != "RS256" {
		t.Errorf("header %+v", h)
	}
	var claims map[string]any
	if err := token.Claims(private.Public(), &claims); err != nil {
		t.Fatal(err)
	}
	seconds := float64(start.Unix())
	want := map[string]any{
		"iss": "https://boxoffice.example/api", "sub": "u1", "aud": "boxoffice", "client_id": "boxoffice", "jti": "id-1", "scope": "buyer operator",
		"createdAt": "2030-03-01T12:00:00.500Z", "iat": seconds, "nbf": seconds, "exp": seconds + 900,
	}
	if !maps.Equal(claims, want) {
		t.Errorf("claims %v, want %v", claims, want)
	}
}

// Processes that know the new key begin to use it at the same instant.
func TestANewKeySignsFromItsInstantOn(t *testing.T) {
	keys := tokenkeys.Set{{ID: "one", SignsFrom: start, Private: key(t)}}.Add("two", key(t), start)
	issuer := accesstoken.New("x", keys)
	for after, want := range map[time.Duration]string{0: "one", time.Hour: "one", tokenkeys.PublishedBefore: "two"} {
		text, err := issuer.Sign(accesstoken.Account{UserID: "u1"}, "id", start.Add(after))
		if err != nil {
			t.Fatal(err)
		}
		token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.RS256})
		if err != nil || token.Headers[0].KeyID != want {
			t.Errorf("%s later: %v, %v, want key %s", after, token.Headers, err, want)
		}
	}
	if _, err := issuer.Sign(accesstoken.Account{UserID: "u1"}, "id", start.Add(-time.Second)); err == nil {
		t.Error("a key signed before its time")
	}
}
