package browse

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Filter says which concerts of an Index are wanted. The zero Filter takes all.
type Filter struct {
	// city and genre are folded; "" takes any.
	city, genre string
	// words are folded. A concert must have all of them.
	words []string
	// from and to are dates at the venue, YYYY-MM-DD, both inclusive; "" takes any.
	from, to string
}

// Unreadable is the error about a parameter that is no filter. It is refused and not ignored: an answer without one of its filters
// would show more than was asked for.
type Unreadable struct {
	// Detail is a sentence for a person.
	Detail string
}

// Error implements error.
func (u *Unreadable) Error() string { return u.Detail }

// FilterNames are the parameters that ParseFilter reads.
func FilterNames() []string { return []string{"city", "genre", "from", "to", "q"} }

// maxText bounds the text of one filter, in characters as a person counts them: composed.
const maxText = 100

// ParseFilter reads the filter of a query, whose other parameters it ignores. The error is an *Unreadable.
func ParseFilter(query map[string]string) (Filter, error) {
	var f Filter
	var words string
	for _, p := range []struct {
		name string
		into *string
	}{{"city", &f.city}, {"genre", &f.genre}, {"q", &words}} {
		value, there := query[p.name]
		if !there {
			continue
		}
		if utf8.RuneCountInString(norm.NFC.String(value)) > maxText {
			return Filter{}, &Unreadable{fmt.Sprintf("%s may have at most %d characters.", p.name, maxText)}
		}
		if *p.into = folded(value); *p.into == "" {
			return Filter{}, &Unreadable{p.name + " has neither letters nor digits. Leave it out to see all."}
		}
	}
	f.words = strings.Fields(words)
	for _, p := range []struct {
		name string
		into *string
	}{{"from", &f.from}, {"to", &f.to}} {
		value, there := query[p.name]
		if !there {
			continue
		}
		if _, err := time.Parse(time.DateOnly, value); err != nil {
			return Filter{}, &Unreadable{p.name + " must be a date that exists: YYYY-MM-DD."}
		}
		*p.into = value
	}
	return f, nil
}

// Name returns the same text for filters that take the same concerts in the same words.
func (f Filter) Name() string {
	return fmt.Sprintf("%q %q %q %s %s", f.city, f.genre, f.words, f.from, f.to)
}

func (f Filter) takesCity(e *entry) bool  { return f.city == "" || f.city == e.city }
func (f Filter) takesGenre(e *entry) bool { return f.genre == "" || f.genre == e.genre }

// takesRest is the filter without city and genre.
func (f Filter) takesRest(e *entry) bool {
	return (f.from == "" || e.date >= f.from) && (f.to == "" || e.date <= f.to) && hasWords(e.text, f.words)
}

func (f Filter) takes(e *entry) bool { return f.takesCity(e) && f.takesGenre(e) && f.takesRest(e) }
