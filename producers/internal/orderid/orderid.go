// Package orderid makes and verifies order ids. It is pure. An id is a function of buyer and Idempotency-Key, so a repeat, days
// later and through another process, gives the same order. Nobody can guess an id without the secret. A tag in the id says
// whether it belongs to a buyer, without any store: so a GET of an order that has no row yet returns QUEUED to its buyer and 404
// to everybody else.
package orderid

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"boxoffice/contracts"
)

// encoding is Crockford's base 32 without padding.
var encoding = base32.NewEncoding(contracts.OrderIDAlphabet).WithPadding(base32.NoPadding)

// Sizes of the two parts in bytes: 112 bits that cannot be guessed, and a tag that a guess matches once in 2³². A guessed tag
// yields only the answer QUEUED, because the row's owner is compared as well.
const (
	bodyBytes = 14
	tagBytes  = 4
	// bodyChars and tagChars are the lengths of the two parts in base 32.
	bodyChars = 23
	tagChars  = 7
)

// minSecretBytes bounds the length of a secret from below.
const minSecretBytes = 32

// Minter makes and verifies ids. It is immutable and safe for concurrent use.
type Minter struct {
	region  byte
	newest  byte
	secrets map[byte][]byte
}

// New parses the secrets "version:base64url,…", the newest first. A version is one character of the id's alphabet. Ids are made
// with the newest secret and verified with the one that they name, so a secret can be replaced while orders of the old one exist.
// Replace it while no sale is open: a repeat that crosses the change makes another id and so a second order. region is the letter
// of the home Region, a to z. An error names no secret's value.
func New(region, secrets string) (*Minter, error) {
	if len(region) != 1 || region[0] < 'a' || region[0] > 'z' {
		return nil, fmt.Errorf("home Region letter %q: one of a to z wanted", region)
	}
	m := &Minter{region: region[0], secrets: map[byte][]byte{}}
	for part := range strings.SplitSeq(secrets, ",") {
		version, encoded, found := strings.Cut(part, ":")
		if !found || len(version) != 1 || !strings.Contains(contracts.OrderIDAlphabet, version) {
			return nil, errors.New("order id secrets: each is version:base64url, the version one character of the id's alphabet")
		}
		secret, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(encoded, "="))
		if err != nil || len(secret) < minSecretBytes {
			return nil, fmt.Errorf("order id secret %s: base64url of at least %d bytes wanted", version, minSecretBytes)
		}
		if _, twice := m.secrets[version[0]]; twice {
			return nil, fmt.Errorf("order id secret %s occurs twice", version)
		}
		if m.newest == 0 {
			m.newest = version[0]
		}
		m.secrets[version[0]] = secret
	}
	return m, nil
}

// Mint returns the id of the buyer's order under this key.
func (m *Minter) Mint(userID, idempotencyKey string) contracts.OrderID {
	secret := m.secrets[m.newest]
	body := encoding.EncodeToString(mac(secret, "order", userID, idempotencyKey)[:bodyBytes])
	head := string([]byte{m.region, m.newest}) + body
	return contracts.OrderID(head + tag(secret, userID, head))
}

// Verify returns the id and true if the id is well formed, made with one of the secrets, and this buyer's.
func (m *Minter) Verify(userID, id string) (contracts.OrderID, bool) {
	parsed, err := contracts.ParseOrderID(id)
	if err != nil {
		return "", false
	}
	secret, known := m.secrets[id[1]]
	if !known {
		return "", false
	}
	head := id[:2+bodyChars]
	return parsed, hmac.Equal([]byte(id[len(id)-tagChars:]), []byte(tag(secret, userID, head)))
}

func tag(secret []byte, userID, head string) string {
	return encoding.EncodeToString(mac(secret, "tag", userID, head)[:tagBytes])
}

// mac prefixes each part with its length, so that two different lists of parts never have the same input.
func mac(secret []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, secret)
	for _, p := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(p), p) // writing to a hash never fails
	}
	return h.Sum(nil)
}
