package queries

import (
	"context"
	"net/http"
	"strings"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/httpapi"
)

type concertsView struct {
	Concerts   []concertView `json:"concerts"`
	NextCursor string        `json:"nextCursor,omitempty"`
}

// List answers GET /api/concerts?city&genre&from&to&q&cursor&limit, ordered by start and id.
func (h Concerts) List(ctx context.Context, r httpapi.Request) (httpapi.Response, *httpapi.Problem) {
	filter, problem := parseFilter(r.QueryStringParameters)
	if problem != nil {
		return httpapi.Response{}, problem
	}
	limit, problem := httpapi.Limit(r)
	if problem != nil {
		return httpapi.Response{}, problem
	}
	after, problem := httpapi.Cursor[concertCursor](r)
	if problem != nil {
		return httpapi.Response{}, problem
	}
	all, err := h.Catalogue.Concerts(ctx)
	if err != nil {
		return httpapi.Response{}, h.unavailable(ctx, "concerts not read", err)
	}
	now := contracts.InstantOf(h.Now())
	view := concertsView{Concerts: []concertView{}}
	for _, c := range all {
		if !after.before(c) || !filter.takes(c) {
			continue
		}
		if len(view.Concerts) == limit {
			last := view.Concerts[limit-1]
			view.NextCursor = httpapi.EncodeCursor(concertCursor{StartsAt: last.StartsAt, ID: last.ID})
			break
		}
		view.Concerts = append(view.Concerts, viewOfConcert(c, now))
	}
	return httpapi.JSON(http.StatusOK, view, catalogueAge), nil
}

// concertCursor is the last concert of a page.
type concertCursor struct {
	StartsAt contracts.Instant `json:"s"`
	ID       string            `json:"i"`
}

// before says whether a concert comes after the cursor. The zero cursor is before all.
func (k concertCursor) before(c readmodel.Concert) bool {
	return k.ID == "" || c.StartsAt > k.StartsAt || c.StartsAt == k.StartsAt && c.ConcertID > k.ID
}

type concertFilter struct {
	city, genre, text string
	// from and to are dates in the venue's zone, both inclusive; zero if not asked for.
	from, to time.Time
}

const dateLayout = time.DateOnly

// maxFilter bounds the text of one filter.
const maxFilter = 100

func parseFilter(query map[string]string) (concertFilter, *httpapi.Problem) {
	f := concertFilter{city: query["city"], genre: query["genre"], text: strings.ToLower(strings.TrimSpace(query["q"]))}
	for _, name := range []string{"city", "genre", "q"} {
		if len(query[name]) > maxFilter {
			return f, httpapi.NewProblem(httpapi.CodeInvalidFilter, name+" may have at most 100 characters.")
		}
	}
	for name, into := range map[string]*time.Time{"from": &f.from, "to": &f.to} {
		value := query[name]
		if value == "" {
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

func (f concertFilter) takes(c readmodel.Concert) bool {
	if f.city != "" && !strings.EqualFold(f.city, c.City) || f.genre != "" && !strings.EqualFold(f.genre, c.Genre) {
		return false
	}
	if f.text != "" && !strings.Contains(strings.ToLower(c.Title+"\n"+c.Artist+"\n"+c.Venue+"\n"+c.City), f.text) {
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
