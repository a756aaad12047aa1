package e2e

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

type concertPage struct {
	Concerts   []apiclient.Concert
	NextCursor string
}

func TestConcertsArePaged(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	c := s.withToken(t, "")
	var all concertPage
	if err := c.Get(t.Context(), "/concerts?limit=100", &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Concerts) < 3 || all.NextCursor != "" {
		t.Fatalf("%d concerts, next cursor %q", len(all.Concerts), all.NextCursor)
	}
	var paged []apiclient.Concert
	for path := "/concerts?limit=2"; path != ""; {
		var page concertPage
		if err := c.Get(t.Context(), path, &page); err != nil {
			t.Fatal(err)
		}
		paged = append(paged, page.Concerts...)
		path = ""
		if page.NextCursor != "" {
			path = "/concerts?limit=2&cursor=" + url.QueryEscape(page.NextCursor)
		}
	}
	if !slices.Equal(paged, all.Concerts) {
		t.Errorf("pages have %v, the whole list %v", paged, all.Concerts)
	}
	if !slices.IsSortedFunc(paged, func(a, b apiclient.Concert) int { return int(a.StartsAt - b.StartsAt) }) {
		t.Error("concerts are not ordered by start")
	}
}

func TestConcertsAreFiltered(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	c := s.withToken(t, "")
	var concert apiclient.Concert
	if err := c.Get(t.Context(), "/concerts/"+s.Concert, &concert); err != nil {
		t.Fatal(err)
	}
	date := concert.StartsAt.Time().Format("2006-01-02")
	for query, there := range map[string]bool{
		"city=" + url.QueryEscape(concert.City):                    true,
		"city=" + url.QueryEscape(strings.ToUpper(concert.City)):   true,
		"q=" + url.QueryEscape(strings.ToLower(concert.Title[:4])): true,
		"city=Nowhere":               false,
		"genre=none":                 false,
		"q=zzzzzz":                   false,
		"from=2000-01-01&to=" + date: true,
		"to=2000-01-01":              false,
	} {
		var page concertPage
		if err := c.Get(t.Context(), "/concerts?limit=100&"+query, &page); err != nil {
			t.Fatal(err)
		}
		found := slices.ContainsFunc(page.Concerts, func(c apiclient.Concert) bool { return c.ID == s.Concert })
		if found != there {
			t.Errorf("%s: found is %v, want %v", query, found, there)
		}
	}
	for query, code := range map[string]string{
		"limit=0": "invalid_limit", "limit=101": "invalid_limit", "limit=x": "invalid_limit",
		"cursor=x": "invalid_cursor", "cursor=e30": "invalid_cursor", "from=tomorrow": "invalid_filter", "to=2026-13-01": "invalid_filter",
		"q=" + strings.Repeat("x", 101): "invalid_filter",
	} {
		answer, err := c.Do(t.Context(), http.MethodGet, "/concerts?"+query, nil, nil)
		if err != nil || answer.Status != http.StatusBadRequest || answer.Problem().Code != code {
			t.Errorf("%s: got %d %s, %v", query, answer.Status, answer.Problem().Code, err)
		}
	}
}

func TestLayoutIsImmutableByVersion(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	c := s.withToken(t, "")
	get := func(path string) apiclient.Answer {
		t.Helper()
		answer, err := c.Do(t.Context(), http.MethodGet, path, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	present, by := get("/concerts/"+s.Concert+"/layout"), get("/concerts/"+s.Concert+"/layout?version=1")
	if present.Status != http.StatusOK || string(present.Body) != string(by.Body) {
		t.Errorf("%d, and by version %d", present.Status, by.Status)
	}
	if got := by.Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
		t.Errorf("by version Cache-Control is %q", got)
	}
	if got := present.Header.Get("Cache-Control"); strings.Contains(got, "immutable") {
		t.Errorf("without version Cache-Control is %q", got)
	}
	seats := 0
	for _, g := range s.layout.Groups {
		seats += len(g.Seats)
		inRows := 0
		for _, row := range g.Rows {
			inRows += len(row.Seats)
		}
		if inRows != len(g.Seats) {
			t.Errorf("group %s has %d seats, its rows %d", g.Group, len(g.Seats), inRows)
		}
	}
	if seats < 1400 || seats > 1600 {
		t.Errorf("the theatre has %d seats", seats)
	}
	for _, version := range []string{"2", "0", "-1", "x", "99999999999999999999"} {
		if answer := get("/concerts/" + s.Concert + "/layout?version=" + version); answer.Status != http.StatusNotFound || answer.Problem().Code != "layout_not_found" {
			t.Errorf("version %s: got %d %s", version, answer.Status, answer.Problem().Code)
		}
	}
	if answer := get("/concerts/nothing/layout"); answer.Status != http.StatusNotFound || answer.Problem().Code != "concert_not_found" {
		t.Errorf("unknown concert: got %d %s", answer.Status, answer.Problem().Code)
	}
}

func TestAvailabilityIsCacheable(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	c := s.withToken(t, "")
	path := "/concerts/" + s.Concert + "/availability"
	eventually(t, decideWithin, func() (bool, string) {
		first, err := c.Do(t.Context(), http.MethodGet, path, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := first.Header.Get("Cache-Control"); got != "public, max-age=1" {
			t.Fatalf("Cache-Control is %q", got)
		}
		tag := first.Header.Get("ETag")
		again, err := c.Do(t.Context(), http.MethodGet, path, nil, map[string]string{"If-None-Match": tag})
		if err != nil {
			t.Fatal(err)
		}
		// If other tests have changed seats in the meantime, the tag has changed as well.
		return again.Status == http.StatusNotModified && len(again.Body) == 0 && again.Header.Get("ETag") == tag, "no 304 for the present tag"
	})
	// A change of a seat changes the tag.
	before, err := c.Do(t.Context(), http.MethodGet, path, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	anna := s.signedIn(t, testbed.Named("anna"))
	s.waitDecided(t, anna, s.place(t, anna, "key-1", s.takeSeats(t, 1)...).OrderID)
	// Each process takes a snapshot once a second.
	held := time.Now()
	eventually(t, decideWithin, func() (bool, string) {
		after, err := c.Do(t.Context(), http.MethodGet, path, nil, map[string]string{"If-None-Match": before.Header.Get("ETag")})
		if err != nil {
			t.Fatal(err)
		}
		return after.Status == http.StatusOK && after.Header.Get("ETag") != before.Header.Get("ETag"), "the tag is still the one from before the hold"
	})
	if took := time.Since(held); took > 3*time.Second {
		t.Errorf("the hold was shown after %s", took)
	}
}
