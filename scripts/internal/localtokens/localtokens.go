// Package localtokens makes identity's signing key for a local stack, the discovery document and key set that the JWT authorizer
// reads, and tokens without identity. Tests make expired, foreign and forged tokens with it, so it does not check claims.
package localtokens

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"boxoffice/contracts"
	"boxoffice/contracts/tokenkeys"
)

// Audience and TTL of access tokens are identity's.
const (
	Audience = tokenkeys.Audience
	TTL      = tokenkeys.TTL
)

// keyBits is the usual key size of RS256.
const keyBits = 2048

// Key is an RSA signing key with its key id. It is safe for concurrent use.
type Key struct {
	private *rsa.PrivateKey
	id      string
}

// NewKey makes a random key. It takes some tenths of a second.
func NewKey() (Key, error) {
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return Key{}, fmt.Errorf("make a signing key: %w", err)
	}
	return newKey(private)
}

// newKey derives the key id from the thumbprint (RFC 7638), so that equal keys have equal ids.
func newKey(private *rsa.PrivateKey) (Key, error) {
	thumbprint, err := (&jose.JSONWebKey{Key: private.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		return Key{}, fmt.Errorf("key id: %w", err)
	}
	return Key{private: private, id: base64.RawURLEncoding.EncodeToString(thumbprint)}, nil
}

// ID returns the "kid" of the key's tokens.
func (k Key) ID() string { return k.id }

// SigningKey returns the key of a set that signs at an instant.
func SigningKey(set tokenkeys.Set, now time.Time) (Key, error) {
	key, found := set.Signing(now)
	if !found {
		return Key{}, errors.New("no key signs tokens yet")
	}
	return Key{private: key.Private, id: key.ID}, nil
}

// Rotate returns a set with one more random key, which is published at once and signs tokenkeys.PublishedBefore later, and without
// the keys of which no token can be valid. While a key waits the error is a *tokenkeys.WaitingError.
func Rotate(set tokenkeys.Set, now time.Time) (tokenkeys.Set, error) {
	if err := set.Rotatable(now); err != nil {
		return nil, err
	}
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	return set.Rotate(key.id, key.private, now)
}

// Set returns a set in which this key signs from the beginning of time: nobody has kept another set yet.
func (k Key) Set() tokenkeys.Set { return tokenkeys.Set{{ID: k.id, Private: k.private}} }

const pemType = "PRIVATE KEY"

// PEM returns the private key in PKCS #8. With it one can sign in as any user of the stack.
func (k Key) PEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return nil, fmt.Errorf("encode the signing key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}), nil
}

// ParseKey is the inverse of PEM.
func ParseKey(content []byte) (Key, error) {
	block, rest := pem.Decode(content)
	if block == nil || block.Type != pemType || len(rest) > 0 {
		return Key{}, errors.New("signing key is not one PEM block of type " + pemType)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return Key{}, fmt.Errorf("signing key: %w", err)
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return Key{}, fmt.Errorf("signing key is %T, want RSA", parsed)
	}
	return newKey(private)
}

// Claims of a token. Zero members are left out, so that a test can make a token without them.
type Claims struct {
	Issuer   string
	Audience string
	// Subject is the user's id.
	Subject string
	// IssuedAt also sets "nbf".
	IssuedAt  time.Time
	ExpiresAt time.Time
	// Scope has the scopes, separated by spaces.
	Scope     string
	CreatedAt contracts.Instant
	// Type is the header "typ"; "" is the type of an access token.
	Type string
}

// ClaimsOf returns the claims of an ordinary access token of a user, valid from now for ttl. With a negative ttl it has expired.
func ClaimsOf(issuer, user string, now time.Time, ttl time.Duration) Claims {
	issued := now
	if ttl < 0 {
		// An expired token was issued before its end.
		issued = now.Add(2 * ttl)
	}
	return Claims{
		Issuer: issuer, Audience: Audience, Subject: user, IssuedAt: issued, ExpiresAt: now.Add(ttl),
		Scope: tokenkeys.ScopeBuyer, CreatedAt: contracts.InstantOf(issued),
	}
}

// Sign makes an RS256 token in compact form. It takes about a millisecond of one core.
func (k Key) Sign(c Claims) (string, error) {
	options := (&jose.SignerOptions{}).WithType(jose.ContentType(cmp.Or(c.Type, tokenkeys.Type))).WithHeader(jose.HeaderKey("kid"), k.id)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: k.private}, options)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	claims := jwt.Claims{Issuer: c.Issuer, Subject: c.Subject}
	if c.Audience != "" {
		claims.Audience = jwt.Audience{c.Audience}
	}
	if !c.IssuedAt.IsZero() {
		claims.IssuedAt, claims.NotBefore = jwt.NewNumericDate(c.IssuedAt), jwt.NewNumericDate(c.IssuedAt)
	}
	if !c.ExpiresAt.IsZero() {
		claims.Expiry = jwt.NewNumericDate(c.ExpiresAt)
	}
	builder := jwt.Signed(signer).Claims(claims)
	if c.Scope != "" {
		builder = builder.Claims(map[string]any{"scope": c.Scope})
	}
	if c.CreatedAt != 0 {
		builder = builder.Claims(map[string]any{"createdAt": c.CreatedAt})
	}
	token, err := builder.Serialize()
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return token, nil
}

// Paths of the two documents below the issuer.
const (
	DiscoveryName = "openid-configuration"
	KeySetName    = "jwks.json"
	WellKnown     = "/.well-known/"
)

// Discovery returns the OpenID discovery document of an issuer, with the members that a JWT authorizer reads.
func Discovery(issuer string) ([]byte, error) {
	return json.MarshalIndent(map[string]any{
		"issuer":                                issuer,
		"jwks_uri":                              issuer + WellKnown + KeySetName,
		"response_types_supported":              []string{"token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{string(jose.RS256)},
	}, "", "  ")
}

// KeySet returns the JSON Web Key Set with the public keys of a set, also of those that do not sign yet.
func KeySet(keys tokenkeys.Set) ([]byte, error) {
	set := jose.JSONWebKeySet{}
	for _, k := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Private.Public(), KeyID: k.ID, Algorithm: string(jose.RS256), Use: "sig"})
	}
	return json.MarshalIndent(set, "", "  ")
}
