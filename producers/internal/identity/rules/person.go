package rules

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// maxNameChars bounds a name, in characters after composition.
const maxNameChars = 100

// ParseName returns a name composed (NFC) and without spaces around it. The error is a *Refusal. Names of every script, with
// emoji and right-to-left text, are accepted. Control characters and the characters that turn the direction of the text around
// them are not: they would change how a page or a mail around the name reads.
func ParseName(text string) (string, error) {
	name := norm.NFC.String(strings.TrimSpace(text))
	if !utf8.ValidString(text) || name == "" {
		return "", refuse(CodeInvalidName, "A name is missing.")
	}
	if n := utf8.RuneCountInString(name); n > maxNameChars {
		return "", refuse(CodeInvalidName, "A name has at most %d characters; this one has %d.", maxNameChars, n)
	}
	visible := false
	for _, r := range name {
		if unicode.IsControl(r) || turnsDirection(r) || r == '\u2028' || r == '\u2029' {
			return "", refuse(CodeInvalidName, "A name has no control characters.")
		}
		visible = visible || !blank(r) && (unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsSymbol(r))
	}
	if !visible {
		return "", refuse(CodeInvalidName, "A name has at least one letter.")
	}
	return name, nil
}

// turnsDirection reports the characters that embed or override a direction of text.
func turnsDirection(r rune) bool {
	return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// blank reports the letters and symbols that show nothing: the fillers of Hangul, and Braille without a dot.
func blank(r rune) bool {
	switch r {
	case '\u115f', '\u1160', '\u3164', '\uffa0', '\u2800':
		return true
	}
	return false
}

// Locales that the site and the mails have, the default first.
var locales = []string{"en", "de"}

// ParseLocale reports whether text is a locale that there is.
func ParseLocale(text string) (string, bool) {
	for _, l := range locales {
		if text == l {
			return l, true
		}
	}
	return "", false
}

var matcher = language.NewMatcher([]language.Tag{language.English, language.German})

// LocaleOf returns the locale that suits a header Accept-Language best. It returns the default if the header is empty, cannot be
// read, or names no language that there is.
func LocaleOf(acceptLanguage string) string {
	tags, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return locales[0]
	}
	_, index, confidence := matcher.Match(tags...)
	if confidence == language.No {
		return locales[0]
	}
	return locales[index]
}
