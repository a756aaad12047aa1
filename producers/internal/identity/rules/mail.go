package rules

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// Mail is a mail address in two forms.
type Mail struct {
	// Shown is what the person typed, composed (NFC) and without spaces around it.
	Shown string
	// Key is equal for two spellings of one address: composed, in lower case, the domain in ASCII.
	Key string
}

// maxMailBytes and maxLocalBytes are the limits of RFC 5321, in bytes.
const (
	maxMailBytes  = 254
	maxLocalBytes = 64
)

// domains maps a domain to ASCII as a browser does, and checks every label and length.
var domains = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.CheckHyphens(true), idna.CheckJoiners(true), idna.StrictDomainName(true), idna.VerifyDNSLength(true))

// specials are the ASCII characters besides letters and digits that the part before the @ may have (RFC 5322, atext), and the dot.
const specials = "!#$%&'*+-/=?^_`{|}~."

// reservedDomain is a top-level domain that can never get mail (RFC 6761). Accounts for tests have addresses in it, which
// nobody can sign up with.
const reservedDomain = "invalid"

// ParseMail checks an address and returns its two forms. The error is a *Refusal.
//
// It accepts what mail servers deliver to: no quoted parts, no comments, no addresses by number. Letters of every script are
// accepted on both sides of the @.
func ParseMail(text string) (Mail, error) {
	shown := norm.NFC.String(strings.TrimSpace(text))
	if !utf8.ValidString(text) || len(shown) > maxMailBytes {
		return Mail{}, refuse(CodeInvalidEmail, "A mail address has at most %d bytes.", maxMailBytes)
	}
	at := strings.LastIndexByte(shown, '@')
	if at < 0 {
		return Mail{}, refuse(CodeInvalidEmail, "A mail address has an @.")
	}
	local := shown[:at]
	if !validLocal(local) {
		return Mail{}, refuse(CodeInvalidEmail, "The part before the @ is not that of a mail address.")
	}
	domain, err := domains.ToASCII(shown[at+1:])
	if err != nil || !validDomain(domain) {
		return Mail{}, refuse(CodeInvalidEmail, "The part after the @ is not a domain that gets mail.")
	}
	// Greek has two small sigmas, and which one a capital stands for depends on its place in the word.
	key := norm.NFC.String(strings.ReplaceAll(strings.ToLower(local), "ς", "σ")) + "@" + domain
	if len(key) > maxMailBytes {
		return Mail{}, refuse(CodeInvalidEmail, "A mail address has at most %d bytes.", maxMailBytes)
	}
	return Mail{Shown: shown, Key: key}, nil
}

func validLocal(local string) bool {
	if local == "" || len(local) > maxLocalBytes || local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, "..") {
		return false
	}
	for _, r := range local {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(specials, r):
		case r < utf8.RuneSelf:
			return false
		case blank(r) || !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsNumber(r):
			return false
		}
	}
	return true
}

// validDomain reports whether a domain in ASCII has a top-level domain with a letter: one that is all digits is an address by
// number.
func validDomain(domain string) bool {
	dot := strings.LastIndexByte(domain, '.')
	top := domain[dot+1:]
	return dot > 0 && top != reservedDomain && strings.ContainsAny(top, "abcdefghijklmnopqrstuvwxyz")
}
