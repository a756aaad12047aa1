package ticketcode

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"boxoffice/contracts"
)

// MaxRevoked bounds the codes of a list: as many as a layout has seats. With it the answer has 3.8 MB, and Lambda takes 6 MB. A
// longer list is an error, never a cut list: a gate would accept what is missing.
const MaxRevoked = 200_000

// KeptInProcess and CacheSeconds bound how old a list is when a gate gets it: a process of the function keeps it for KeptInProcess, and
// caches for CacheSeconds.
const (
	KeptInProcess = 10 * time.Second
	// CacheSeconds is the max-age of the answer, in seconds.
	CacheSeconds = 60
)

// Revocations are the codes of a concert's tickets that are not valid any more: of withdrawn tickets, and of those that were
// re-keyed. The list is complete as of At.
type Revocations struct {
	ConcertID string            `json:"concertId"`
	At        contracts.Instant `json:"at"`
	// Codes ascend, without duplicates.
	Codes []Code `json:"codes"`
	KeyID byte   `json:"keyId"`
	// Signature is base64url of the Ed25519 signature, by the key KeyID, of "boxoffice-revocations" 0x00 concertId 0x00, At as in
	// JSON, 0x00, and the codes, 10 bytes each.
	Signature string `json:"signature"`
}

// ErrTooManyRevoked means that a list is longer than MaxRevoked.
var ErrTooManyRevoked = errors.New("a concert has more revoked codes than a list can have")

// Revoke returns the signed list. It sorts codes and removes duplicates.
func (k Key) Revoke(concertID string, at contracts.Instant, codes []Code) (Revocations, error) {
	slices.SortFunc(codes, compare)
	codes = slices.Compact(codes)
	if len(codes) > MaxRevoked {
		return Revocations{}, fmt.Errorf("%w: %d", ErrTooManyRevoked, len(codes))
	}
	if codes == nil {
		codes = []Code{}
	}
	list := Revocations{ConcertID: concertID, At: at, Codes: codes, KeyID: k.ID}
	list.Signature = base64.RawURLEncoding.EncodeToString(ed25519.Sign(k.private(), list.signed()))
	return list, nil
}

// Verify returns an error unless the list is of the concert and signed by one of the keys.
func (r Revocations) Verify(keys PublicKeys, concertID string) error {
	key, known := keys[r.KeyID]
	signature, err := base64.RawURLEncoding.DecodeString(r.Signature)
	switch {
	case r.ConcertID != concertID:
		return fmt.Errorf("revocations: the list is of concert %q, not %q", r.ConcertID, concertID)
	case !known:
		return fmt.Errorf("revocations: the key %d is not known", r.KeyID)
	case err != nil || !ed25519.Verify(key, r.signed(), signature):
		return errors.New("revocations: the signature is wrong")
	case !slices.IsSortedFunc(r.Codes, compare):
		return errors.New("revocations: the codes are not sorted")
	}
	return nil
}

// Has reports whether a code is revoked. It takes the logarithm of the list's length.
func (r Revocations) Has(c Code) bool {
	_, found := slices.BinarySearchFunc(r.Codes, c, compare)
	return found
}

func (r Revocations) signed() []byte {
	b := make([]byte, 0, 128+len(r.Codes)*codeBytes)
	b = append(b, "boxoffice-revocations\x00"+r.ConcertID+"\x00"+r.At.String()+"\x00"...)
	for _, c := range r.Codes {
		b = append(b, c[:]...)
	}
	return b
}

func compare(a, b Code) int { return bytes.Compare(a[:], b[:]) }
