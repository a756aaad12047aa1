package queries

import (
	"context"
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/httpapi"
)

type concertsView struct {
	Concerts   []concertView `json:"concerts"`
	NextCursor string        `json:"nextCursor,omitempty"`
}

// List answers GET /api/concerts?city&genre&from&to&q&cursor&limit, ordered by start and id.
func (h Concerts) List(ctx context.Context, r httpapi.Request) (httpapi.Response, error) {
	query, err := r.Query("city", "genre", "from", "to", "q", "cursor", "limit")
	if err != nil {
		return httpapi.Response{}, err
	}
	filter, err := parseFilter(query)
	if err != nil {
		return httpapi.Response{}, err
	}
	limit, err := httpapi.Limit(query)
	if err != nil {
		return httpapi.Response{}, err
	}
	cursors := httpapi.Cursors[concertCursor]{List: "concerts " + filter.name()}
	after, err := cursors.Of(query)
	if err != nil {
		return httpapi.Response{}, err
	}
	all, err := h.Catalogue.Concerts(ctx)
	if err != nil {
		return httpapi.Response{}, h.unavailable(ctx, "concerts not read", err)
	}
	now := contracts.InstantOf(h.Now())
	view := concertsView{Concerts: []concertView{}}
	var shown []readmodel.Concert
	for _, c := range all {
		if !after.before(c) || !filter.takes(c) {
			continue
		}
		if len(view.Concerts) == limit {
			last := view.Concerts[limit-1]
			view.NextCursor = cursors.Encode(concertCursor{StartsAt: last.StartsAt, ID: last.ID})
			break
		}
		view.Concerts = append(view.Concerts, viewOfConcert(c, now))
		shown = append(shown, c)
	}
	return httpapi.JSON(http.StatusOK, view, cached(now, shown...)), nil
}

// concertCursor is the last concert of a page.
type concertCursor struct {
	StartsAt contracts.Instant `json:"s"`
	ID       string            `json:"i"`
}

// before says whether a concert comes after the cursor. Every concert comes after the zero cursor.
func (k concertCursor) before(c readmodel.Concert) bool {
	return k.ID == "" || c.StartsAt > k.StartsAt || c.StartsAt == k.StartsAt && c.ConcertID > k.ID
}

type concertFilter struct {
	// city, genre and words are folded; "" if the query has no such filter.
	city, genre, words string
	// from and to are dates in the venue's zone, both inclusive; zero if the query has no such filter.
	from, to time.Time
}

const dateLayout = time.DateOnly

// maxFilter bounds the text of one filter, in characters as a person counts them: composed.
const maxFilter = 100

func parseFilter(query map[string]string) (concertFilter, error) {
	var f concertFilter
	for name, into := range map[string]*string{"city": &f.city, "genre": &f.genre, "q": &f.words} {
		value, there := query[name]
		if !there {
			continue
		}
		if utf8.RuneCountInString(norm.NFC.String(value)) > maxFilter {
			return f, httpapi.NewProblem(httpapi.CodeInvalidFilter, name+" may have at most 100 characters.")
		}
		if *into = folded(value); *into == "" {
			return f, httpapi.NewProblem(httpapi.CodeInvalidFilter, name+" has neither letters nor digits. Leave it out to see all.")
		}
	}
	for name, into := range map[string]*time.Time{"from": &f.from, "to": &f.to} {
		value, there := query[name]
		if !there {
			continue
		}
		date, err := time.Parse(dateLayout, value)
		if err != nil {
			return f, httpapi.NewProblem(httpapi.CodeInvalidFilter, name+" must be a date: YYYY-MM-DD.")
		}
		*into = date
	}
	return f, nil
}

// name returns the same text for filters that accept the same concerts in the same words.
func (f concertFilter) name() string {
	return fmt.Sprintf("%q %q %q %s %s", f.city, f.genre, f.words, f.from.Format(dateLayout), f.to.Format(dateLayout))
}

func (f concertFilter) takes(c readmodel.Concert) bool {
	if f.city != "" && f.city != folded(c.City) || f.genre != "" && f.genre != folded(c.Genre) {
		return false
	}
	if f.words != "" && !hasWords(folded(c.Title+" "+c.Artist+" "+c.Venue+" "+c.City), f.words) {
		return false
	}
	if f.from.IsZero() && f.to.IsZero() {
		return true
	}
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	// The concert's date at its venue, compared as dates.
	date := c.StartsAt.Time().In(zone).Format(dateLayout)
	return (f.from.IsZero() || date >= f.from.Format(dateLayout)) && (f.to.IsZero() || date <= f.to.Format(dateLayout))
}
