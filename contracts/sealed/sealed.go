// Package sealed makes and opens texts that only the holder of a secret can make: refresh tokens, and the tokens of links in mails.
// It is pure. A sealed text can be read by everybody; it proves where it comes from.
package sealed

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// minSecretBytes bounds the length of a secret from below.
const minSecretBytes = 32

// Keys seal with the newest secret and open with each. They are immutable and safe for concurrent use.
type Keys struct{ secrets [][]byte }

// ParseKeys parses the secrets "version:base64url,…", the newest first. An error names no secret's value.
func ParseKeys(secrets string) (Keys, error) {
	var k Keys
	for part := range strings.SplitSeq(secrets, ",") {
		_, encoded, found := strings.Cut(part, ":")
		if !found {
			return Keys{}, errors.New("secrets: each is version:base64url")
		}
		secret, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(encoded, "="))
		if err != nil || len(secret) < minSecretBytes {
			return Keys{}, fmt.Errorf("secrets: base64url of at least %d bytes wanted", minSecretBytes)
		}
		k.secrets = append(k.secrets, secret)
	}
	return k, nil
}

// Seal returns the fields as one text of [A-Za-z0-9_.-]. purpose separates texts that must not stand for each other.
func (k Keys) Seal(purpose string, fields ...string) string {
	parts := make([]string, 0, len(fields)+1)
	for _, f := range fields {
		parts = append(parts, base64.RawURLEncoding.EncodeToString([]byte(f)))
	}
	return strings.Join(append(parts, base64.RawURLEncoding.EncodeToString(mac(k.secrets[0], purpose, fields))), ".")
}

// Open returns the n fields of a text that was sealed for the purpose with one of the secrets.
func (k Keys) Open(purpose, text string, n int) (fields []string, ok bool) {
	parts := strings.Split(text, ".")
	if len(parts) != n+1 {
		return nil, false
	}
	for i, part := range parts {
		decoded, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil {
			return nil, false
		}
		if i < n {
			fields = append(fields, string(decoded))
			continue
		}
		for _, secret := range k.secrets {
			ok = ok || hmac.Equal(decoded, mac(secret, purpose, fields))
		}
	}
	if !ok {
		return nil, false
	}
	return fields, true
}

// mac prefixes each part with its length, so that two different lists of parts never have the same input.
func mac(secret []byte, purpose string, fields []string) []byte {
	h := hmac.New(sha256.New, secret)
	for _, p := range append([]string{purpose}, fields...) {
		_, _ = fmt.Fprintf(h, "%d:%s", len(p), p) // writing to a hash never fails
	}
	return h.Sum(nil)
}
