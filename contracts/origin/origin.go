// Package origin is how a function knows that a request came through the edge (CloudFront): the edge adds a header with a secret
// that no client knows. A function that has no such secret accepts every request.
package origin

import (
	"crypto/subtle"
	"errors"
	"strings"
)

// Header carries the secret. The edge overwrites what a client sends under this name.
const Header = "X-Origin-Secret"

// Reference is the reference of the topology whose value is the text that Parse takes.
const Reference = "secret:origin"

// minLength of a secret, in bytes, so that it cannot be guessed. A secret is no word of a person.
const minLength = 32

// Secrets are the accepted values. The zero value accepts every request. It is immutable and safe for concurrent use.
type Secrets struct{ values []string }

// Parse takes one secret, or two separated by a comma, each of at least 32 bytes of visible ASCII; "" means none. The edge sends
// the first; the second is accepted too. So a secret is replaced without a refused request: add the new one as the second, then
// swap them, then remove the old one. The error contains no value.
func Parse(text string) (Secrets, error) {
	if text == "" {
		return Secrets{}, nil
	}
	values := strings.Split(text, ",")
	if len(values) > 2 {
		return Secrets{}, errors.New("origin secrets: there are more than two")
	}
	for _, value := range values {
		if len(value) < minLength {
			return Secrets{}, errors.New("origin secrets: one is shorter than 32 bytes")
		}
		for _, c := range []byte(value) {
			if c <= ' ' || c > '~' {
				return Secrets{}, errors.New("origin secrets: one has a character that no header may have")
			}
		}
	}
	return Secrets{values}, nil
}

// Sent returns the value that the edge sends, "" if there is none.
func (s Secrets) Sent() string {
	if len(s.values) == 0 {
		return ""
	}
	return s.values[0]
}

// Accept reports whether a request with this value of Header may be handled. How long it takes says nothing about the secrets.
func (s Secrets) Accept(given string) bool {
	accepted := 0
	for _, value := range s.values {
		accepted |= subtle.ConstantTimeCompare([]byte(value), []byte(given))
	}
	return len(s.values) == 0 || accepted == 1
}
