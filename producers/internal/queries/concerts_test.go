package queries_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/browse"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/queries"
)

const (
	listRoute   = "GET /api/concerts"
	detailRoute = "GET /api/concerts/{concertId}"
)

// listing is a catalogue of some concerts, read at an instant.
type listing struct {
	concerts []readmodel.Concert
	at       time.Time
	err      error
}

func (l *listing) Concerts(context.Context) (*browse.Index, time.Time, error) {
	return browse.NewIndex(slices.Clone(l.concerts)), l.at, l.err
}

func (l *listing) ConcertAt(_ context.Context, id string) (readmodel.Concert, time.Time, bool, error) {
	for _, c := range l.concerts {
		if c.ConcertID == id {
			return c, l.at, true, l.err
		}
	}
	return readmodel.Concert{}, time.Time{}, false, l.err
}

// seatsLeft has the free seats of concerts.
type seatsLeft map[string]readmodel.SeatCount

func (s seatsLeft) SeatsLeft(context.Context) map[string]readmodel.SeatCount { return s }

// getter requests a route of the catalogue.
type getter func(t testing.TB, route, query, concertID string, headers map[string]string) httpapi.Response

func (l *listing) api(now func() time.Time, left seatsLeft) getter {
	log := slog.New(slog.DiscardHandler)
	h := queries.Browse{Listing: l, Left: left, HoldSeconds: 300, Log: log, Now: now}
	router := httpapi.NewRouter(map[string]httpapi.Handler{listRoute: h.List, detailRoute: h.Detail}, log, now)
	return func(t testing.TB, route, query, concertID string, headers map[string]string) httpapi.Response {
		t.Helper()
		response, err := router.Handle(t.Context(), events.APIGatewayV2HTTPRequest{
			RouteKey: route, RawQueryString: query, Headers: headers, PathParameters: map[string]string{"concertId": concertID},
		})
		if err != nil {
			t.Fatal(err)
		}
		return response
	}
}

// browsing has the routes over concerts that were read on 13 September 2020.
func browsing(now func() time.Time, left seatsLeft, all ...readmodel.Concert) getter {
	return (&listing{concerts: all, at: time.UnixMilli(1_600_000_000_000)}).api(now, left)
}

// codeOf returns the code of a problem, "" for any other answer.
func codeOf(t testing.TB, response httpapi.Response) string {
	t.Helper()
	var body struct{ Code string }
	if err := json.Unmarshal([]byte(response.Body), &body); err != nil {
		t.Fatalf("%d %s: %v", response.StatusCode, response.Body, err)
	}
	return body.Code
}

// list requests concerts by a query string and returns their ids, or the code of the refusal.
func list(t *testing.T, get getter, query string) []string {
	t.Helper()
	response := get(t, listRoute, query, "", nil)
	if response.StatusCode != http.StatusOK {
		return []string{codeOf(t, response)}
	}
	var body struct{ Concerts []struct{ ID string } }
	if err := json.Unmarshal([]byte(response.Body), &body); err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	for _, c := range body.Concerts {
		ids = append(ids, c.ID)
	}
	return ids
}

func TestFiltersCompareFoldedText(t *testing.T) {
	starts := contracts.InstantOf(time.Date(2030, 9, 14, 22, 30, 0, 0, time.UTC)) // the 15th in Vienna
	get := browsing(time.Now, nil, []readmodel.Concert{
		{ConcertID: "quai", Title: "Nocturne", Artist: "Ensemble", Genre: "Chanson", City: "Paris", Venue: "The\u0301a\u0302tre du Quai", TimeZone: "Europe/Paris", StartsAt: starts},
		{ConcertID: "lodz", Title: "Wieczór", Artist: "Łona", Genre: "Hip-Hop", City: "Łódź", Venue: "Atlas Arena", TimeZone: "Europe/Warsaw", StartsAt: starts},
		{ConcertID: "gross", Title: "Große Nacht", Artist: "Die Ärzte", Genre: "Rock", City: "Wien", Venue: "Straßenbühne", TimeZone: "Europe/Vienna", StartsAt: starts},
	}...)
	for query, want := range map[string][]string{
		"":                                    {"gross", "lodz", "quai"},
		"q=" + url.QueryEscape("Théâtre"):     {"quai"},
		"q=theatre+du+quai":                   {"quai"},
		"q=QUAI+nocturne":                     {"quai"},
		"q=quai+rock":                         {},
		"city=lodz":                           {"lodz"},
		"city=" + url.QueryEscape("ŁÓDŹ"):     {"lodz"},
		"city=lod":                            {},
		"genre=hip+hop":                       {"lodz"},
		"q=strassenbuhne":                     {"gross"},
		"q=GROSSE":                            {"gross"},
		"q=" + url.QueryEscape("a\u0308rzte"): {"gross"},
		"from=2030-09-15&to=2030-09-15":       {"gross", "lodz", "quai"},
		"to=2030-09-14":                       {},
		"city=":                               {"invalid_filter"},
		"q=%20%20":                            {"invalid_filter"},
		"q=%CC%81":                            {"invalid_filter"},
		"from=":                               {"invalid_filter"},
		"from=2030-02-30":                     {"invalid_filter"},
		"to=2030-9-1":                         {"invalid_filter"},
		"to=2031-02-29":                       {"invalid_filter"},
		"to=2030-13-01":                       {"invalid_filter"},
		"to=02030-01-01":                      {"invalid_filter"},
		"to=%C2%B2030-01-01":                  {"invalid_filter"},
		"from=2030-09-15T00:00:00Z":           {"invalid_filter"},
		"to=0000-01-01":                       {},
		"to=0001-01-01":                       {}, // no "any date"
		"from=0001-01-01&to=9999-12-31":       {"gross", "lodz", "quai"},
		"from=2030-09-16&to=2030-09-14":       {},
		"q=%00":                               {"invalid_filter"},
		"q=quai%00":                           {"quai"},
		"q=%F0%9F%8E%B8":                      {"invalid_filter"}, // a guitar
		"q=%F0%9F%8E%B8+quai":                 {"quai"},
		"q=qu%E2%80%8Fai":                     {"quai"}, // a mark of direction
		"q=%D9%84%D9%8A%D8%A7%D9%84%D9%8A":    {},
		"q=%ff":                               {"invalid_filter"},
		"q=%ED%A0%80":                         {"invalid_filter"}, // half of a surrogate pair
		"q=" + strings.Repeat("x", 1000):      {"invalid_filter"},
		"city=" + strings.Repeat("%F0%9F%8E%B8", 1000): {"invalid_filter"},
		"city":                                {"invalid_filter"},
		"=Wien":                               {"invalid_filter"},
		"city[]=Wien":                         {"invalid_filter"},
		"CITY=Wien":                           {"invalid_filter"},
		"%63ity=Wien&city=Wien":               {"invalid_filter"},
		"limit=1&limit=1":                     {"invalid_filter"},
		"cursor=a&cursor=b":                   {"invalid_filter"},
		"limit=0":                             {"invalid_limit"},
		"limit=101":                           {"invalid_limit"},
		"limit=-1":                            {"invalid_limit"},
		"limit=1e1":                           {"invalid_limit"},
		"limit=0x10":                          {"invalid_limit"},
		"limit=99999999999999999999":          {"invalid_limit"},
		"limit=%D9%A1":                        {"invalid_limit"}, // an Arabic digit
		"cursor=%00":                          {"invalid_cursor"},
		"cursor=" + strings.Repeat("A", 5000): {"invalid_cursor"},
		"&&":                                  {"gross", "lodz", "quai"},
		"city=Wien&city=Paris":                {"invalid_filter"},
		"city=Wien;genre=Rock":                {"invalid_filter"},
		"city=%zz":                            {"invalid_filter"},
		"ctiy=Wien":                           {"invalid_filter"},
		"q=" + strings.Repeat("%C3%A9", 100):  {},
		"q=" + strings.Repeat("e%CC%81", 100): {}, // a hundred characters, in whichever form
		"q=" + strings.Repeat("%C3%A9", 101):  {"invalid_filter"},
		"limit=%2B5":                          {"invalid_limit"},
		"limit=":                              {"invalid_limit"},
		"cursor=":                             {"invalid_cursor"},
		"limit=2&q=n":                         {"gross", "lodz"},
	} {
		if got := list(t, get, query); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
}

// Pages of any size, read to the end, have each concert once, also concerts that begin at the same instant. A cursor continues
// the list that it was made for, with any page size, and no other list.
func TestPagesListEachConcertOnce(t *testing.T) {
	var all []readmodel.Concert
	var want []string
	for i := range 23 {
		id := fmt.Sprintf("c-%02d", i)
		genre := "Rock"
		if i%3 == 0 {
			genre = "Jazz"
		}
		all = append(all, readmodel.Concert{ConcertID: id, Genre: genre, City: "Wien", StartsAt: contracts.Instant(1_900_000_000_000 + int64(i/7))})
		want = append(want, id)
	}
	get := browsing(time.Now, nil, all...)
	page := func(query string) (ids []string, next string) {
		response := get(t, listRoute, query, "", nil)
		var body map[string]json.RawMessage
		var concerts []struct{ ID string }
		if err := errors.Join(json.Unmarshal([]byte(response.Body), &body), json.Unmarshal(body["concerts"], &concerts)); err != nil {
			t.Fatalf("%s: %s", query, response.Body)
		}
		for _, c := range concerts {
			ids = append(ids, c.ID)
		}
		if raw, there := body["nextCursor"]; there {
			if err := json.Unmarshal(raw, &next); err != nil || next == "" {
				t.Fatalf("%s: nextCursor is %s", query, raw)
			}
		}
		return ids, next
	}
	for _, limit := range []int{1, 2, 7, 22, 23, 24, 100} {
		got, next := page(fmt.Sprintf("limit=%d", limit))
		for pages := 1; next != ""; pages++ {
			if pages > len(all) {
				t.Fatalf("limit %d: no end", limit)
			}
			var more []string
			more, next = page(fmt.Sprintf("limit=%d&cursor=%s", limit, next))
			got = append(got, more...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("limit %d: %v", limit, got)
		}
	}
	_, cursor := page("genre=Rock&limit=2")
	if ids, _ := page("limit=3&genre=ROCK&cursor=" + cursor); !slices.Equal(ids, []string{"c-04", "c-05", "c-07"}) {
		t.Errorf("of another size, and the filter in other letters: %v", ids)
	}
	for _, query := range []string{"", "genre=Jazz&", "genre=Rock&city=Wien&", "q=Rock&", "from=2000-01-01&genre=Rock&"} {
		if got := list(t, get, query+"cursor="+cursor); !slices.Equal(got, []string{"invalid_cursor"}) {
			t.Errorf("%s with the cursor of another list: %v", query, got)
		}
	}
}
