// Package maillink defines the links in mails about an account. The function that sends a mail makes the link, and identity opens
// its token; both need the secret mail-links. A link is good until it ends, and only while its nonce is in the account's item.
package maillink

import (
	"strconv"

	"boxoffice/contracts"
	"boxoffice/contracts/sealed"
)

// Kind is what a link is for. It is the link's path on the site.
type Kind string

// Kinds of links.
const (
	// Confirm marks the address of the account as confirmed.
	Confirm Kind = "confirm"
	// Reset sets a new password.
	Reset Kind = "reset"
)

// Kinds lists every kind.
func Kinds() []Kind { return []Kind{Confirm, Reset} }

// fields is the number of fields in a token.
const fields = 3

// Token returns the token of a link: the account, the nonce and the end of the link in whole seconds since 1970, sealed.
func Token(keys sealed.Keys, kind Kind, userID, nonce string, ends contracts.Instant) string {
	return keys.Seal(string(kind), userID, nonce, strconv.FormatInt(ends.Time().Unix(), 10))
}

// URL returns the link with a token. site is scheme, host and port. The token is behind a #, which no browser sends to a server or
// to another site.
func URL(site string, kind Kind, token string) string { return site + "/" + string(kind) + "#" + token }

// Open returns what a token of this kind names. ok is false if it was not made with one of the keys, is of another kind, or has
// ended at now.
func Open(keys sealed.Keys, kind Kind, token string, now contracts.Instant) (userID, nonce string, ok bool) {
	opened, ok := keys.Open(string(kind), token, fields)
	if !ok {
		return "", "", false
	}
	ends, err := strconv.ParseInt(opened[2], 10, 64)
	return opened[0], opened[1], err == nil && now.Time().Unix() < ends
}
