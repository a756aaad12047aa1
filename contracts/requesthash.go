package contracts

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
)

// RequestHash returns a hash of what an order asks for: the same concert and the same seats in any order give the same hash.
// It is 128 bits of SHA-256 in base64url, 22 characters. A request with a used Idempotency-Key and another hash is refused.
// The hashed parts are joined by NUL, which no name contains, so that two different requests never hash the same text.
func RequestHash(concertID string, seats []string) string {
	sorted := slices.Sorted(slices.Values(seats))
	return requestHash("seats\x00" + concertID + "\x00" + strings.Join(sorted, "\x00"))
}

// RequestHashNamed returns the RequestHash of an order for named seats that asks for accessible places. Without them it is
// RequestHash.
func RequestHashNamed(concertID string, seats []string, accessible int) string {
	if accessible == 0 {
		return RequestHash(concertID, seats)
	}
	sorted := slices.Sorted(slices.Values(seats))
	return requestHash("accessible\x00" + concertID + "\x00" + strconv.Itoa(accessible) + "\x00" + strings.Join(sorted, "\x00"))
}

// RequestHashBest returns the RequestHash of an order for any adjacent seats; section is "" for the whole concert. An order
// without accessible places has the same hash as before accessible places existed: a key must mean the same order before
// and after a deployment.
func RequestHashBest(concertID, section string, quantity, accessible int) string {
	text := "best\x00" + concertID + "\x00" + section + "\x00" + strconv.Itoa(quantity)
	if accessible > 0 {
		text += "\x00" + strconv.Itoa(accessible)
	}
	return requestHash(text)
}

func requestHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// requestHashLength is the length of 128 bits in base64 without padding.
const requestHashLength = 22

// ValidRequestHash reports whether hash has the form of a RequestHash.
func ValidRequestHash(hash string) bool {
	return len(hash) == requestHashLength && isName(hash, requestHashLength)
}
