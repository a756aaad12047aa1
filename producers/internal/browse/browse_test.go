package browse

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
)

func at(text string) contracts.Instant {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return contracts.InstantOf(t)
}

// some are concerts in several cities; two begin at once.
func some() []readmodel.Concert {
	return []readmodel.Concert{
		{ConcertID: "e", Title: "Wieczór", Artist: "Łona", Genre: "pop", City: "Łódź", Venue: "Teatr", TimeZone: "Europe/Warsaw", StartsAt: at("2031-03-08T18:00:00Z")},
		{ConcertID: "b", Title: "Nocturne", Artist: "Quartett", Genre: "Classical", City: "Vienna", Venue: "Ring", TimeZone: "Europe/Vienna", StartsAt: at("2030-09-14T18:00:00Z")},
		{ConcertID: "a", Title: "Carmina", Artist: "Chor", Genre: "choral", City: "Hamburg", Venue: "Elbe", TimeZone: "Europe/Berlin", StartsAt: at("2030-09-14T18:00:00Z")},
		{ConcertID: "d", Title: "Signal", Artist: "Łona", Genre: "classical", City: "VIENNA", Venue: "Ring", TimeZone: "Europe/Vienna", StartsAt: at("2030-12-31T23:30:00Z")},
		{ConcertID: "c", Title: "Nocturne II", Artist: "Chor", Genre: "choral", City: "Vienna", Venue: "Ring", TimeZone: "Europe/Vienna", StartsAt: at("2030-10-14T18:00:00Z")},
		{ConcertID: "f", Title: "Sur", Artist: "Trio", Genre: "pop", City: "Łódź", Venue: "Teatr", TimeZone: "no/zone", StartsAt: at("2031-03-08T23:59:59Z")},
	}
}

func filter(t *testing.T, pairs ...string) Filter {
	t.Helper()
	query := map[string]string{}
	for _, p := range pairs {
		name, value, _ := strings.Cut(p, "=")
		query[name] = value
	}
	f, err := ParseFilter(query)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func ids(concerts []readmodel.Concert) string {
	var all []string
	for _, c := range concerts {
		all = append(all, c.ConcertID)
	}
	return strings.Join(all, "")
}

// A count is the number of concerts that its value would list in place of the chosen one, so that a page can offer it. Spellings
// are one value.
func TestFacetsCountWhatTheirValueWouldList(t *testing.T) {
	x := NewIndex(some())
	for _, c := range []struct {
		filter      []string
		city, genre string
	}{
		{nil, "[{Vienna 3} {Łódź 2} {Hamburg 1}]", "[{choral 2} {Classical 2} {pop 2}]"},
		{[]string{"city=vienna"}, "[{Vienna 3} {Łódź 2} {Hamburg 1}]", "[{Classical 2} {choral 1}]"},
		{[]string{"genre=choral"}, "[{Hamburg 1} {Vienna 1}]", "[{choral 2} {Classical 2} {pop 2}]"},
		{[]string{"city=Vienna", "genre=choral"}, "[{Hamburg 1} {Vienna 1}]", "[{Classical 2} {choral 1}]"},
		{[]string{"q=lona"}, "[{Łódź 1} {VIENNA 1}]", "[{classical 1} {pop 1}]"},
		{[]string{"from=2031-01-01"}, "[{Łódź 2} {VIENNA 1}]", "[{pop 2} {classical 1}]"},
		{[]string{"city=Nowhere"}, "[{Vienna 3} {Łódź 2} {Hamburg 1}]", "[]"},
		{[]string{"q=zzz"}, "[]", "[]"},
	} {
		f := filter(t, c.filter...)
		facets := x.Facets(f)
		if got := fmt.Sprint(facets.City); got != c.city {
			t.Errorf("%v: cities %s, want %s", c.filter, got, c.city)
		}
		if got := fmt.Sprint(facets.Genre); got != c.genre {
			t.Errorf("%v: genres %s, want %s", c.filter, got, c.genre)
		}
		for _, v := range facets.City {
			g := f
			g.city = folded(v.Value)
			if all, _, _ := x.Page(g, Position{}, 100); len(all) != v.Count {
				t.Errorf("%v: city %s counts %d and lists %d", c.filter, v.Value, v.Count, len(all))
			}
		}
		for _, v := range facets.Genre {
			g := f
			g.genre = folded(v.Value)
			if all, _, _ := x.Page(g, Position{}, 100); len(all) != v.Count {
				t.Errorf("%v: genre %s counts %d and lists %d", c.filter, v.Value, v.Count, len(all))
			}
		}
	}
}

// A date is the one on the venue's calendar: 23:30 UTC on New Year's Eve is the next year in Vienna.
func TestDatesAreThoseOfTheVenue(t *testing.T) {
	x := NewIndex(some())
	for query, want := range map[string]string{
		"from=2031-01-01,to=2031-01-01": "d", "from=2030-12-31,to=2030-12-31": "", "from=2030-09-14,to=2030-09-14": "ab",
		"to=2030-09-13": "", "from=2031-03-08": "ef", "from=2031-03-09": "", "to=0001-01-01": "", "from=0001-01-01": "abcdef", "from=9999-12-31": "",
	} {
		got, _, _ := x.Page(filter(t, strings.Split(query, ",")...), Position{}, 100)
		if ids(got) != want {
			t.Errorf("%s: %s, want %s", query, ids(got), want)
		}
	}
}

// A page begins after its position, also where the concert of the position is gone, and says whether there are more.
func TestPagesContinueAfterAPosition(t *testing.T) {
	x := NewIndex(some())
	for _, c := range []struct {
		after  Position
		filter []string
		limit  int
		want   string
		more   bool
	}{
		{Position{}, nil, 2, "ab", true},
		{Position{}, nil, 6, "abcdef", false},
		{Position{}, nil, 5, "abcde", true},
		{Position{at("2030-09-14T18:00:00Z"), "a"}, nil, 2, "bc", true},
		{Position{at("2030-09-14T18:00:00Z"), "aa"}, nil, 1, "b", true}, // gone
		{Position{at("2030-09-14T18:00:00Z"), "b"}, []string{"city=vienna"}, 1, "c", true},
		{Position{at("2030-10-14T18:00:00Z"), "c"}, []string{"city=vienna"}, 1, "d", false},
		{Position{at("2031-03-08T23:59:59Z"), "f"}, nil, 3, "", false},
		{Position{at("2040-03-08T23:59:59Z"), "a"}, nil, 3, "", false},
		{Position{at("1970-01-01T00:00:01Z"), "z"}, nil, 1, "a", true},
	} {
		got, next, more := x.Page(filter(t, c.filter...), c.after, c.limit)
		if ids(got) != c.want || more != c.more {
			t.Errorf("%+v: %s, %v", c, ids(got), more)
		}
		if len(got) > 0 && next != positionOf(got[len(got)-1]) {
			t.Errorf("%+v: the next page is after %v", c, next)
		}
	}
}

func TestWordsAreFoundHoweverTheyAreWritten(t *testing.T) {
	for text, want := range map[string]string{
		"Théâtre du Quai": "theatre du quai", "The\u0301a\u0302tre": "theatre", "ŁÓDŹ": "lodz", "Große Straße": "grosse strasse", "L'Olympia": "lolympia",
		"Rock’n’Roll": "rocknroll", "Νησί": "νησι", "ΣΊΓΜΑΣ": "σιγμασ", "ᾳ": "α", "İstanbul": "istanbul", "ı": "i", "ليالي": "ليالي", "לֵיל": "ליל",
		"a\u200fb\u00adc": "abc", "a\x00b": "a b", "🎸": "", "\u0301": "", "½": "1 2", "①②": "12", "夜の歌": "夜の歌", "  a -  b ": "a b", "": "",
	} {
		if got := folded(text); got != want {
			t.Errorf("%q is folded to %q, want %q", text, got, want)
		}
	}
}

// FuzzFilter: a filter is refused with a sentence, or it only narrows the list, has the same name for the same filter, and folding
// what is folded changes nothing.
func FuzzFilter(f *testing.F) {
	for _, seed := range [][5]string{
		{"Vienna", "classical", "quartett ring", "2030-01-01", "2031-01-01"}, {"Łódź", "", "", "", ""}, {"", "", "\x00", "2030-02-30", ""},
		{"ᾳ", "ﬁ", "İ", "0001-01-01", "9999-12-31"}, {"🎸", strings.Repeat("e\u0301", 101), "a\u202eb", "0000-00-00", "2030-9-1"}, {"\xff", "ß", "½", "x", "ٱ"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4])
	}
	x := NewIndex(some())
	f.Fuzz(func(t *testing.T, city, genre, q, from, to string) {
		query := map[string]string{}
		for name, value := range map[string]string{"city": city, "genre": genre, "q": q, "from": from, "to": to} {
			if value != "" {
				query[name] = value
			}
		}
		parsed, err := ParseFilter(query)
		if err != nil {
			var u *Unreadable
			if !errors.As(err, &u) || u.Detail == "" || !reflect.DeepEqual(parsed, Filter{}) {
				t.Fatalf("%q: %v, %+v", query, err, parsed)
			}
			return
		}
		for _, text := range []string{parsed.city, parsed.genre, strings.Join(parsed.words, " ")} {
			if again := folded(text); again != text {
				t.Errorf("%q is folded to %q, and that to %q", query, text, again)
			}
		}
		if again, err := ParseFilter(query); err != nil || again.Name() != parsed.Name() {
			t.Errorf("%q has the names %s and %s", query, parsed.Name(), again.Name())
		}
		found, _, more := x.Page(parsed, Position{}, 100)
		for name := range query {
			wider := map[string]string{}
			for n, value := range query {
				if n != name {
					wider[n] = value
				}
			}
			without, err := ParseFilter(wider)
			if err != nil {
				t.Fatal(err)
			}
			if all, _, _ := x.Page(without, Position{}, 100); more || len(all) < len(found) {
				t.Errorf("%q lists %d, without %s %d", query, len(found), name, len(all))
			}
		}
	})
}
