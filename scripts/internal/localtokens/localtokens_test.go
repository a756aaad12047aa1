package localtokens

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"boxoffice/contracts/tokenkeys"
)

// issuer serves the discovery document and key set of a key at their paths, as the local gateway does.
func issuer(t *testing.T, key Key) string {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	address := server.URL + "/api"
	discovery, err := Discovery(address)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := KeySet(key.Set())
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{DiscoveryName: discovery, KeySetName: keys} {
		mux.HandleFunc("GET /api"+WellKnown+name, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if _, err := w.Write(content); err != nil {
				t.Error(err)
			}
		})
	}
	return address
}

func verifier(t *testing.T, issuer string) *oidc.IDTokenVerifier {
	t.Helper()
	provider, err := oidc.NewProvider(context.Background(), issuer)
	if err != nil {
		t.Fatal(err)
	}
	return provider.Verifier(&oidc.Config{ClientID: Audience})
}

func newTestKey(t *testing.T) Key {
	t.Helper()
	key, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestTokenVerifiesAgainstItsDiscoveryDocument(t *testing.T) {
	key := newTestKey(t)
	address := issuer(t, key)
	token, err := key.Sign(ClaimsOf(address, "anna", time.Now(), TTL))
	if err != nil {
		t.Fatal(err)
	}
	verified, err := verifier(t, address).Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if verified.Subject != "anna" {
		t.Errorf("subject %q", verified.Subject)
	}
	if left := time.Until(verified.Expiry); left > TTL || left < TTL-time.Minute {
		t.Errorf("expires in %s, want about %s", left, TTL)
	}
}

func TestTokensThatMustBeRefused(t *testing.T) {
	key, other := newTestKey(t), newTestKey(t)
	address := issuer(t, key)
	good := ClaimsOf(address, "anna", time.Now(), TTL)
	foreignAudience, foreignIssuer := good, good
	foreignAudience.Audience, foreignIssuer.Issuer = "other", address+"x"
	for name, test := range map[string]struct {
		key    Key
		claims Claims
		want   string
	}{
		"expired":        {key, ClaimsOf(address, "anna", time.Now(), -time.Minute), "expired"},
		"other audience": {key, foreignAudience, "audience"},
		"other issuer":   {key, foreignIssuer, "issued by a different provider"},
		"other key":      {other, good, "failed to verify"},
	} {
		t.Run(name, func(t *testing.T) {
			token, err := test.key.Sign(test.claims)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := verifier(t, address).Verify(t.Context(), token); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestParseKeyReadsPEM(t *testing.T) {
	key := newTestKey(t)
	content, err := key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	read, err := ParseKey(content)
	if err != nil {
		t.Fatal(err)
	}
	if read.ID() != key.ID() || !read.private.Equal(key.private) {
		t.Error("ParseKey returned another key")
	}
	for _, bad := range []string{"", "no pem", string(content) + "more"} {
		if _, err := ParseKey([]byte(bad)); err == nil {
			t.Errorf("%.20q was taken for a key", bad)
		}
	}
}

// A gateway keeps the keys that it has fetched for two hours. Tokens that were signed before, during and after a rotation verify
// with them, whenever it has fetched them.
func TestTokensVerifyThroughARotation(t *testing.T) {
	start := time.Date(2030, 3, 1, 12, 0, 0, 0, time.UTC)
	before := newTestKey(t).Set()
	rotated, err := Rotate(before, start)
	if err != nil || len(rotated) != 2 {
		t.Fatal(len(rotated), err)
	}
	var waiting *tokenkeys.WaitingError
	if _, err := Rotate(rotated, start.Add(time.Minute)); !errors.As(err, &waiting) {
		t.Errorf("a second rotation: %v", err)
	}
	signers := map[string]bool{}
	// The gateway has fetched at some time of the two hours before now.
	for at := -time.Hour; at <= 5*time.Hour; at += 30 * time.Minute {
		now, set := start.Add(at), rotated
		if now.Before(start) {
			set = before
		}
		key, err := SigningKey(set, now)
		if err != nil {
			t.Fatal(err)
		}
		signers[key.ID()] = true
		token, err := key.Sign(ClaimsOf("https://boxoffice.example/api", "anna", now, TTL))
		if err != nil {
			t.Fatal(err)
		}
		signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
		if err != nil {
			t.Fatal(err)
		}
		for age := time.Duration(0); age < tokenkeys.PublishedBefore; age += 20 * time.Minute {
			published := rotated
			if now.Add(-age).Before(start) {
				published = before
			}
			document, err := KeySet(published)
			if err != nil {
				t.Fatal(err)
			}
			var kept jose.JSONWebKeySet
			if err := json.Unmarshal(document, &kept); err != nil {
				t.Fatal(err)
			}
			if _, err := signed.Verify(kept); err != nil {
				t.Errorf("%s after the rotation, with keys fetched %s before: %v", at, age, err)
			}
		}
	}
	if len(signers) != 2 {
		t.Errorf("%d keys signed", len(signers))
	}
}
