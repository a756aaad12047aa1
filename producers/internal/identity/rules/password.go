package rules

import (
	_ "embed"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// minPasswordChars and maxPasswordChars bound a password, in characters after composition.
const (
	minPasswordChars = 8
	maxPasswordChars = 128
)

// common has the commonest passwords of at least 8 characters, one a line in lower case. commonpasswords.LICENSE.txt says where
// it comes from.
//
//go:embed commonpasswords.txt
var common string

var commonPasswords = setOf(common)

func setOf(lines string) map[string]struct{} {
	set := make(map[string]struct{}, strings.Count(lines, "\n")+1)
	for line := range strings.Lines(lines) {
		set[strings.TrimSuffix(line, "\n")] = struct{}{}
	}
	return set
}

// ComposePassword returns a password in the form that is hashed (NFC), so that it is the same from every keyboard.
func ComposePassword(text string) string { return norm.NFC.String(text) }

// ParsePassword checks a new password and returns it composed. The error is a *Refusal. own are texts that the account shows: a
// password must not be one of them.
func ParsePassword(text string, own ...string) (string, error) {
	password := ComposePassword(text)
	n := utf8.RuneCountInString(password)
	switch {
	case n < minPasswordChars:
		return "", refuse(CodeWeakPassword, "A password has at least %d characters.", minPasswordChars)
	case n > maxPasswordChars:
		return "", refuse(CodeWeakPassword, "A password has at most %d characters.", maxPasswordChars)
	}
	folded := strings.ToLower(password)
	if _, found := commonPasswords[folded]; found {
		return "", refuse(CodeWeakPassword, "This password is one of the commonest, which are tried first.")
	}
	for _, o := range own {
		if o != "" && folded == strings.ToLower(o) {
			return "", refuse(CodeWeakPassword, "A password is not the name or the mail address of its account.")
		}
	}
	return password, nil
}
