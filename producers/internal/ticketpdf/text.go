package ticketpdf

import (
	"strings"
	"unicode"

	"github.com/mozillazg/go-unidecode"
	"golang.org/x/text/unicode/norm"
)

// run is a piece of text in one font.
type run struct {
	face *face
	text string
}

// unshaped are the scripts whose characters can be printed one behind another from left to right. All others would need shaping or
// another direction: printed so, Arabic would be reversed and its letters not joined.
var unshaped = []*unicode.RangeTable{
	unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Armenian, unicode.Georgian, unicode.Common, unicode.Inherited,
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo,
}

// canPrint returns the font that prints a character in a style; nil if none does.
func canPrint(r rune, style *face) (*face, error) {
	if r > 0xFFFF || !unicode.In(r, unshaped...) {
		return nil, nil
	}
	for _, f := range []*face{style, east} {
		if f == east && r < 0x1100 {
			continue
		}
		font, err := f.load()
		if err != nil {
			return nil, err
		}
		if font.has[r] {
			return f, nil
		}
	}
	return nil, nil
}

// clean composes characters, and removes what is no part of a line: controls, marks of direction and joining, and repeated spaces.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), r == unicode.ReplacementChar:
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Variation_Selector, r), unicode.Is(unicode.Co, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	return strings.Join(strings.Fields(norm.NFC.String(s)), " ")
}

// printable returns a text that the fonts can print: characters without a glyph, and those of scripts that need shaping, are written
// in Latin letters, or left out if they have none. A word is written in Latin letters as a whole if it has such a letter, so that
// marks of vowels do not stay behind. A text that has characters is never empty: who holds a ticket must see that there is a name.
func printable(s string, style *face) (string, error) {
	words := strings.Split(clean(s), " ")
	kept := words[:0]
	for _, word := range words {
		foreign := false
		var b strings.Builder
		for _, r := range word {
			f, err := canPrint(r, style)
			if err != nil {
				return "", err
			}
			foreign = foreign || f == nil && unicode.IsLetter(r)
			if f != nil {
				b.WriteRune(r)
			} else if !unicode.IsLetter(r) {
				b.WriteString(latin(r))
			}
		}
		if foreign {
			b.Reset()
			for _, r := range word {
				b.WriteString(latin(r))
			}
		}
		if w := strings.TrimSpace(b.String()); w != "" {
			kept = append(kept, w)
		}
	}
	text := strings.Join(strings.Fields(strings.Join(kept, " ")), " ")
	if text == "" && clean(s) != "" {
		return "?", nil
	}
	return text, nil
}

// latin returns a character in Latin letters, "" if it has none. ASCII stays as it is.
func latin(r rune) string {
	if r < unicode.MaxASCII {
		return string(r)
	}
	// The library writes ASCII alone.
	return unidecode.Unidecode(string(r))
}

// runs splits a printable text by font.
func runs(s string, style *face) (split []run, err error) {
	for _, r := range s {
		f, err := canPrint(r, style)
		if err != nil {
			return nil, err
		}
		if f == nil {
			f = style
		}
		// A space stays in the font of the text before it.
		if n := len(split); n > 0 && (split[n-1].face == f || r == ' ') {
			split[n-1].text += string(r)
		} else {
			split = append(split, run{f, string(r)})
		}
	}
	return split, nil
}
