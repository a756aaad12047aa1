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
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/queries"
)

// listed is a catalogue with a list of concerts.
type listed struct {
	concerts
	all []readmodel.Concert
}

func (l listed) Concerts(context.Context) ([]readmodel.Concert, error) { return l.all, nil }

// list requests concerts by a query string and returns their ids, or the code of the refusal.
func list(t *testing.T, h queries.Concerts, query string) []string {
	t.Helper()
	const route = "GET /api/concerts"
	router := httpapi.NewRouter(map[string]httpapi.Handler{route: h.List}, slog.New(slog.DiscardHandler), time.Now)
	response, err := router.Handle(t.Context(), events.APIGatewayV2HTTPRequest{RouteKey: route, RawQueryString: query})
	if err != nil {
		t.Fatal(err)
	}
	var body struct {
		Code     string
		Concerts []struct{ ID string }
	}
	if err := json.Unmarshal([]byte(response.Body), &body); err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		return []string{body.Code}
	}
	ids := []string{}
	for _, c := range body.Concerts {
		ids = append(ids, c.ID)
	}
	return ids
}

func TestFiltersCompareFoldedText(t *testing.T) {
	starts := contracts.InstantOf(time.Date(2030, 9, 14, 22, 30, 0, 0, time.UTC)) // the 15th in Vienna
	h := queries.Concerts{
		Catalogue: listed{all: []readmodel.Concert{
			{ConcertID: "quai", Title: "Nocturne", Artist: "Ensemble", Genre: "Chanson", City: "Paris", Venue: "The\u0301a\u0302tre du Quai", TimeZone: "Europe/Paris", StartsAt: starts},
			{ConcertID: "lodz", Title: "Wieczór", Artist: "Łona", Genre: "Hip-Hop", City: "Łódź", Venue: "Atlas Arena", TimeZone: "Europe/Warsaw", StartsAt: starts},
			{ConcertID: "gross", Title: "Große Nacht", Artist: "Die Ärzte", Genre: "Rock", City: "Wien", Venue: "Straßenbühne", TimeZone: "Europe/Vienna", StartsAt: starts},
		}},
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	for query, want := range map[string][]string{
		"":                                    {"quai", "lodz", "gross"},
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
		"from=2030-09-15&to=2030-09-15":       {"quai", "lodz", "gross"},
		"to=2030-09-14":                       {},
		"city=":                               {"invalid_filter"},
		"q=%20%20":                            {"invalid_filter"},
		"q=%CC%81":                            {"invalid_filter"},
		"from=":                               {"invalid_filter"},
		"from=2030-02-30":                     {"invalid_filter"},
		"to=2030-9-1":                         {"invalid_filter"},
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
		"limit=2&q=n":                         {"quai", "lodz"},
	} {
		if got := list(t, h, query); !slices.Equal(got, want) {
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
	h := queries.Concerts{Catalogue: listed{all: all}, Log: slog.New(slog.DiscardHandler), Now: time.Now}
	page := func(query string) (ids []string, next string) {
		const route = "GET /api/concerts"
		router := httpapi.NewRouter(map[string]httpapi.Handler{route: h.List}, slog.New(slog.DiscardHandler), time.Now)
		response, err := router.Handle(t.Context(), events.APIGatewayV2HTTPRequest{RouteKey: route, RawQueryString: query})
		if err != nil {
			t.Fatal(err)
		}
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
		if got := list(t, h, query+"cursor="+cursor); !slices.Equal(got, []string{"invalid_cursor"}) {
			t.Errorf("%s with the cursor of another list: %v", query, got)
		}
	}
}
