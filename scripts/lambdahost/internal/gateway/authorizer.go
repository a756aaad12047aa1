package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

const (
	// fetchTimeout bounds one fetch of the discovery document or of the keys.
	fetchTimeout = 3 * time.Second
	// refetchPause is the pause after a failed fetch, so that many tokens do not cause one fetch each from an unreachable issuer.
	refetchPause = 500 * time.Millisecond
)

// Authorizer is the JWT authorizer of an HTTP API. It accepts only RS256. It reads the issuer's discovery document with the first
// token, not before, because the issuer may be served by the gateway that it protects. After a failure a later token tries again.
// Keys are cached, and fetched again when a token names an unknown one.
//
// It is safe for concurrent use.
type Authorizer struct {
	issuer   string
	audience string
	now      func() time.Time
	client   *http.Client

	mu       sync.Mutex
	verifier *oidc.IDTokenVerifier
	failure  error
	failedAt time.Time
}

// NewAuthorizer returns an authorizer for the tokens of one issuer and one audience.
func NewAuthorizer(issuer, audience string, now func() time.Time) *Authorizer {
	return &Authorizer{issuer: issuer, audience: audience, now: now, client: &http.Client{Timeout: fetchTimeout}}
}

// checkedClaims are the claims that check examines. The verifier has checked issuer and signature before.
type checkedClaims struct {
	Audience  audience     `json:"aud"`
	ClientID  string       `json:"client_id"`
	ExpiresAt *json.Number `json:"exp"`
	NotBefore *json.Number `json:"nbf"`
	IssuedAt  *json.Number `json:"iat"`
}

// audience is one name or a list of names.
type audience []string

// UnmarshalJSON accepts a string or a list of strings.
func (a *audience) UnmarshalJSON(data []byte) error {
	var one string
	if err := json.Unmarshal(data, &one); err == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(a))
}

// verify returns the claims of the token in an Authorization header, each as a string. The prefix "Bearer " is optional.
func (a *Authorizer) verify(ctx context.Context, header string) (map[string]string, error) {
	token := strings.TrimSpace(header)
	if scheme, rest, ok := strings.Cut(token, " "); ok && strings.EqualFold(scheme, "Bearer") {
		token = strings.TrimSpace(rest)
	}
	if token == "" {
		return nil, errors.New("no token")
	}
	// AWS selects the key by its id alone.
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, errors.New("not a token signed with RS256")
	}
	if len(signed.Signatures) != 1 || signed.Signatures[0].Header.KeyID == "" {
		return nil, errors.New("the token names no key")
	}
	verifier, err := a.lazyVerifier(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the issuer: %w", err)
	}
	verified, err := verifier.Verify(oidc.ClientContext(ctx, a.client), token)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	var checked checkedClaims
	if err := verified.Claims(&checked); err != nil {
		return nil, errors.New("the token's claims have wrong types")
	}
	if err := a.check(checked); err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	if err := verified.Claims(&all); err != nil {
		return nil, errors.New("the token's claims are not an object")
	}
	return claimStrings(all), nil
}

// check follows AWS's documentation: aud, or client_id where there is no aud, must be the audience; the time must be before exp,
// and not before nbf and iat where they are present.
func (a *Authorizer) check(c checkedClaims) error {
	if len(c.Audience) > 0 {
		if !slices.Contains(c.Audience, a.audience) {
			return errors.New("the token is for another audience")
		}
	} else if c.ClientID != a.audience {
		return errors.New("the token has neither our audience nor our client")
	}
	expires, ok := instant(c.ExpiresAt)
	if !ok || !a.now().Before(expires) {
		return errors.New("the token has expired")
	}
	if c.NotBefore != nil {
		if from, ok := instant(c.NotBefore); !ok || a.now().Before(from) {
			return errors.New("the token is not valid yet")
		}
	}
	if c.IssuedAt != nil {
		if from, ok := instant(c.IssuedAt); !ok || a.now().Before(from) {
			return errors.New("the token was issued in the future")
		}
	}
	return nil
}

func instant(seconds *json.Number) (time.Time, bool) {
	if seconds == nil {
		return time.Time{}, false
	}
	s, err := seconds.Float64()
	if err != nil {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(s * 1000)), true
}

// lazyVerifier reads the discovery document once. Other calls wait while a read is under way.
func (a *Authorizer) lazyVerifier(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.verifier != nil {
		return a.verifier, nil
	}
	if a.failure != nil && a.now().Sub(a.failedAt) < refetchPause {
		return nil, a.failure
	}
	// The fetch outlives this request, because other requests wait for the same document.
	fetching := oidc.ClientContext(context.WithoutCancel(ctx), a.client)
	provider, err := oidc.NewProvider(fetching, a.issuer)
	if err != nil {
		a.failure, a.failedAt = err, a.now()
		return nil, err
	}
	a.failure = nil
	// check examines the times: the library tolerates five minutes before nbf, AWS does not.
	a.verifier = provider.VerifierContext(fetching, &oidc.Config{
		SkipClientIDCheck: true, SkipExpiryCheck: true, SupportedSigningAlgs: []string{oidc.RS256}, Now: a.now,
	})
	return a.verifier, nil
}

// hasScope reports whether a token has one of the route's scopes. They are space-separated words in the claim scope, or in scp
// where there is no scope. claimStrings has turned a list of words into "[a b]".
func hasScope(claims map[string]string, scopes []string) bool {
	if len(scopes) == 0 {
		return true
	}
	claim, found := claims["scope"]
	if !found {
		claim = claims["scp"]
	}
	given := strings.Fields(strings.TrimSuffix(strings.TrimPrefix(claim, "["), "]"))
	return slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(given, s) })
}

// claimStrings formats each claim as AWS does: numbers and booleans as written, a list as [a b].
func claimStrings(all map[string]json.RawMessage) map[string]string {
	out := make(map[string]string, len(all))
	for name, raw := range all {
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err == nil && list != nil {
			texts := make([]string, len(list))
			for i, item := range list {
				texts[i] = scalar(item)
			}
			out[name] = "[" + strings.Join(texts, " ") + "]"
			continue
		}
		out[name] = scalar(raw)
	}
	return out
}
