package queries

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// folded returns a text as filters compare it: without case, accents and differences of composition, so that "theatre du quai"
// finds "Théâtre du Quai" in whichever form of Unicode either is written. Words are separated by one space.
func folded(text string) string {
	decomposed := norm.NFKD.String(text)
	var b strings.Builder
	b.Grow(len(decomposed))
	for _, r := range cases.Fold().String(decomposed) {
		switch {
		case unicode.Is(unicode.Mn, r):
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

// plainLetters has letters that Unicode does not decompose, as people type them without the key. Folding the case turns ß into
// ss.
var plainLetters = map[rune]string{
	'ł': "l", 'ø': "o", 'đ': "d", 'ð': "d", 'þ': "th", 'æ': "ae", 'œ': "oe", 'ı': "i", 'ħ': "h", 'ŧ': "t", 'ŋ': "n", 'ĸ': "k",
}

// hasWords says whether the text contains each of the words, both folded. A word may be a part of a longer one.
func hasWords(text, words string) bool {
	for word := range strings.FieldsSeq(words) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
