// Package tokenkeys defines the keys of access tokens: the form of the secret that has them, and when each signs.
//
// identity signs with one key of the set at a time. The gateway fetches the public keys of the whole set and may keep them for
// PublishedBefore. So a key is published that long before it signs, and stays published after its successor signs, until no token
// of it is valid:
//
//	     Add                    signs                  successor signs        dropped by a later Add
//	------|------ published ------|------ published ------|------ published ------|
//	      |<-- PublishedBefore -->|                       |<----- KeptAfter ----->|
package tokenkeys

import (
	"cmp"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// Audience of every access token.
	Audience = "boxoffice"
	// Type is the header "typ" of every access token (RFC 9068).
	Type = "at+jwt"
	// TTL is how long an access token is valid. It is short because API Gateway does not check whether a token was revoked.
	TTL = 15 * time.Minute
	// PublishedBefore is how long a new key is published before it signs.
	PublishedBefore = 2 * time.Hour
	// KeptAfter is how long a key stays published after its successor signs. A process reads its secrets once and signs with the
	// key that it knows, so this is longer than a process lives.
	KeptAfter = 48 * time.Hour
)

// Scopes of a token. Every token has ScopeBuyer.
const (
	ScopeBuyer    = "buyer"
	ScopeOperator = "operator"
)

// minBits is the size of an RSA key that RS256 needs (RFC 7518).
const minBits = 2048

// Key is an RSA key. It is immutable.
type Key struct {
	// ID is the "kid" of its tokens: its thumbprint (RFC 7638).
	ID        string
	SignsFrom time.Time
	Private   *rsa.PrivateKey
}

// Set has the keys that are published, at least one, in the order in which they sign. It is immutable.
type Set []Key

// secretForm is the JSON of the secret.
type secretForm struct {
	Keys []keyForm `json:"keys"`
}

type keyForm struct {
	ID        string    `json:"kid"`
	SignsFrom time.Time `json:"signsFrom"`
	// PKCS8 is the private key, base64 in JSON.
	PKCS8 []byte `json:"pkcs8"`
}

// Parse reads the secret. The error contains nothing of it but ids.
func Parse(secret string) (Set, error) {
	var form secretForm
	if err := json.Unmarshal([]byte(secret), &form); err != nil {
		return nil, errors.New("token keys: the secret is not JSON of the form {\"keys\":[{\"kid\",\"signsFrom\",\"pkcs8\"}]}")
	}
	var set Set
	for i, k := range form.Keys {
		parsed, err := x509.ParsePKCS8PrivateKey(k.PKCS8)
		private, isRSA := parsed.(*rsa.PrivateKey)
		switch {
		case k.ID == "":
			return nil, fmt.Errorf("token keys: key %d has no kid", i)
		case err != nil || !isRSA || private.N.BitLen() < minBits:
			return nil, fmt.Errorf("token keys: %s is not a PKCS #8 RSA key of at least %d bits", k.ID, minBits)
		case slices.ContainsFunc(set, func(other Key) bool { return other.ID == k.ID }):
			return nil, fmt.Errorf("token keys: %s is there twice", k.ID)
		}
		set = append(set, Key{ID: k.ID, SignsFrom: k.SignsFrom, Private: private})
	}
	if len(set) == 0 {
		return nil, errors.New("token keys: there is no key")
	}
	return set.sorted(), nil
}

// Encode is the inverse of Parse.
func (s Set) Encode() (string, error) {
	var form secretForm
	for _, k := range s {
		der, err := x509.MarshalPKCS8PrivateKey(k.Private)
		if err != nil {
			return "", fmt.Errorf("token keys: encode %s: %w", k.ID, err)
		}
		form.Keys = append(form.Keys, keyForm{ID: k.ID, SignsFrom: k.SignsFrom.UTC(), PKCS8: der})
	}
	encoded, err := json.Marshal(form)
	return string(encoded), err
}

// Signing returns the key that signs at an instant: of those whose time has come the last. found is false if there is none.
func (s Set) Signing(now time.Time) (key Key, found bool) {
	for _, k := range s {
		if !k.SignsFrom.After(now) {
			key, found = k, true
		}
	}
	return key, found
}

// Add returns the set with a new key, which signs PublishedBefore later. It leaves out keys whose successor has signed for
// KeptAfter.
func (s Set) Add(id string, private *rsa.PrivateKey, now time.Time) Set {
	var kept Set
	for i, k := range s {
		if i+1 < len(s) && !s[i+1].SignsFrom.Add(KeptAfter).After(now) {
			continue
		}
		kept = append(kept, k)
	}
	return append(kept, Key{ID: id, SignsFrom: now.Add(PublishedBefore), Private: private}).sorted()
}

func (s Set) sorted() Set {
	slices.SortStableFunc(s, func(a, b Key) int { return cmp.Or(a.SignsFrom.Compare(b.SignsFrom), cmp.Compare(a.ID, b.ID)) })
	return s
}
