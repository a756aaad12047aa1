package browse

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// folded returns a text as filters compare it: without case, accents and differences of composition, so that "theatre du quai"
// finds "Théâtre du Quai" in whichever form of Unicode either is written. Words are separated by one space.
func folded(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for _, r := range norm.NFKD.String(cases.Fold().String(bare(norm.NFKD.String(text)))) {
		switch {
		case invisible(r):
		case unicode.IsLetter(r), unicode.IsDigit(r):
			if plain, has := plainLetters[r]; has {
				b.WriteString(plain)
			} else {
				b.WriteRune(r)
			}
		case r == '\'' || r == '’':
			// "L'Olympia" is searched for as "lolympia" and as "l olympia"; the first is more common.
		default:
			b.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// bare removes accents before the case is folded: folding makes a letter of some.
func bare(decomposed string) string {
	return strings.Map(func(r rune) rune {
		if invisible(r) {
			return -1
		}
		return r
	}, decomposed)
}

// invisible says whether a character only changes others: accents, and marks of direction or joining, which a keyboard of
// right-to-left text adds and a search without them must find.
func invisible(r rune) bool { return unicode.In(r, unicode.Mn, unicode.Cf) }

// plainLetters has letters that Unicode does not decompose, as people type them without the key. Folding the case turns ß into
// ss.
var plainLetters = map[rune]string{
	'ł': "l", 'ø': "o", 'đ': "d", 'ð': "d", 'þ': "th", 'æ': "ae", 'œ': "oe", 'ı': "i", 'ħ': "h", 'ŧ': "t", 'ŋ': "n", 'ĸ': "k",
}

// hasWords says whether the text contains each of the words, all folded. A word may be a part of a longer one.
func hasWords(text string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
