package catalogue

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Bounds of a concert's texts, in composed characters. The API takes filters of at most 100 characters: a longer city or genre
// could not be asked for.
const (
	maxFilterText  = 100
	maxName        = 200
	maxDescription = 4000
)

func (c concert) validateTexts(p *problems) {
	for _, t := range []struct {
		member, text string
		most         int
	}{
		{"title", c.Title, maxName},
		{"artist", c.Artist, maxName},
		{"genre", c.Genre, maxFilterText},
		{"city", c.City, maxFilterText},
		{"venue", c.Venue, maxName},
		{"description", c.Description, maxDescription},
	} {
		p.checkf(t.text != "", "concert %s: %s is empty", c.ID, t.member)
		p.checkf(strings.TrimSpace(t.text) == t.text, "concert %s: %s begins or ends with a space", c.ID, t.member)
		n := utf8.RuneCountInString(norm.NFC.String(t.text))
		p.checkf(n <= t.most, "concert %s: %s has %d characters, want at most %d", c.ID, t.member, n, t.most)
		at := strings.IndexFunc(t.text, func(r rune) bool { return hidden(r) && (r != '\n' || t.member != "description") })
		p.checkf(at < 0, "concert %s: %s has a control character at byte %d", c.ID, t.member, at)
	}
	for member, text := range map[string]string{"genre": c.Genre, "city": c.City} {
		p.checkf(text == "" || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }),
			"concert %s: %s %q has neither letters nor digits, so no filter finds it", c.ID, member, text)
	}
}

// hidden says whether a character controls how others are shown: NUL and its like, and what turns the direction of the text after
// it. Right-to-left letters and the marks beside them are ordinary text.
func hidden(r rune) bool {
	return unicode.IsControl(r) || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}
