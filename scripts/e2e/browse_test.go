package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/scripts/catalogue"
)

type browsedConcert struct {
	ID, City, Genre, Status string
	DoorsAt, StartsAt       contracts.Instant
	HoldSeconds             int
	Available               *struct{ Free, Total int }
}

type browsedFacet struct {
	Value string
	Count int
}

// browsed is a page of the catalogue, with what a browse page needs.
type browsed struct {
	Concerts   []browsedConcert
	Facets     struct{ City, Genre []browsedFacet }
	At         contracts.Instant
	NextCursor string
}

// The whole sample can be browsed to its end, in each state and by each value that the facets offer.
func TestCatalogueIsBrowsedByItsFacets(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	c := s.withToken(t, "")
	page := func(query string) browsed {
		t.Helper()
		var p browsed
		if err := c.Get(t.Context(), "/concerts?"+query, &p); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		return p
	}
	sample, err := catalogue.Sample()
	if err != nil {
		t.Fatal(err)
	}
	states, listed := map[string]int{}, 0
	for query := "limit=7"; query != ""; {
		p := page(query)
		for _, concert := range p.Concerts {
			states[concert.Status]++
			listed++
			if concert.HoldSeconds < 1 || concert.DoorsAt >= concert.StartsAt || concert.DoorsAt == 0 {
				t.Errorf("%+v", concert)
			}
		}
		query = ""
		if p.NextCursor != "" {
			query = "limit=7&cursor=" + url.QueryEscape(p.NextCursor)
		}
	}
	if listed != len(sample) || len(states) != 4 {
		t.Errorf("%d concerts are listed, want %d; states %v", listed, len(sample), states)
	}
	first := page("limit=1")
	if age := time.Since(first.At.Time()); age < -time.Minute || age > time.Minute {
		t.Errorf("the catalogue was read at %s", first.At)
	}
	for name, all := range map[string][]browsedFacet{"city": first.Facets.City, "genre": first.Facets.Genre} {
		sum := 0
		for _, v := range all {
			sum += v.Count
			if got := page("limit=100&" + name + "=" + url.QueryEscape(strings.ToUpper(v.Value))); len(got.Concerts) != v.Count {
				t.Errorf("%s %s counts %d and lists %d", name, v.Value, v.Count, len(got.Concerts))
			}
		}
		if sum != len(sample) || len(all) < 8 {
			t.Errorf("the counts of %s are %v", name, all)
		}
	}
	// A concert whose date at the venue is not the one in UTC: it begins at 21:00 in Beirut, and no date but its own lists it.
	if got := page("from=2031-05-09&to=2031-05-09"); len(got.Concerts) != 1 || got.Concerts[0].ID != "layali-2031" {
		t.Errorf("on 9 May: %+v", got.Concerts)
	}
	for query, want := range map[string]string{"q=" + url.QueryEscape("ليالي"): "layali-2031", "q=lodz+wieczor": "wieczor-2031", "city=REYKJAVIK": "vetur-2031"} {
		if got := page(query); len(got.Concerts) != 1 || got.Concerts[0].ID != want {
			t.Errorf("%s: %+v", query, got.Concerts)
		}
	}
}

// Bad input to the catalogue is a problem with its code, on the stack as in a function.
func TestCatalogueRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	c := s.withToken(t, "")
	var first browsed
	if err := c.Get(t.Context(), "/concerts?limit=1&city=Vienna", &first); err != nil {
		t.Fatal(err)
	}
	for query, code := range map[string]string{
		"city=Berlin&cursor=" + first.NextCursor: "invalid_cursor", "cursor=" + first.NextCursor: "invalid_cursor", "cursor=%00": "invalid_cursor",
		"city=a&city=b": "invalid_filter", "city=a;genre=b": "invalid_filter", "city=%zz": "invalid_filter", "city=%ff": "invalid_filter",
		"q=%00": "invalid_filter", "q=%F0%9F%8E%B8": "invalid_filter", "q=" + strings.Repeat("x", 1000): "invalid_filter",
		"to=2031-02-29": "invalid_filter", "to=": "invalid_filter", "zone=x": "invalid_filter", "limit=1.0": "invalid_limit",
	} {
		answer, err := c.Do(t.Context(), http.MethodGet, "/concerts?"+query, nil, nil)
		if err != nil || answer.Status != http.StatusBadRequest || answer.Problem().Code != code {
			t.Errorf("%s: got %d %s, %v; want %s", query, answer.Status, answer.Problem().Code, err, code)
		}
	}
	for path, code := range map[string]string{
		"/concerts/" + s.Concert + "?x=1": "invalid_filter", "/concerts/" + strings.Repeat("c", 1000): "concert_not_found",
	} {
		answer, err := c.Do(t.Context(), http.MethodGet, path, nil, nil)
		if err != nil || answer.Status/100 != 4 || answer.Problem().Code != code {
			t.Errorf("%s: got %d %s, %v; want %s", path, answer.Status, answer.Problem().Code, err, code)
		}
	}
}

// An answer has a version, and a client that has it gets no body.
func TestConcertHasAVersion(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	c := s.withToken(t, "")
	for _, path := range []string{"/concerts?limit=100&to=2026-01-01", "/concerts/farewell-2025"} {
		first, err := c.Do(t.Context(), http.MethodGet, path, nil, nil)
		if err != nil || first.Status != http.StatusOK || first.Header.Get("Cache-Control") != "public, max-age=10" {
			t.Fatalf("%s: %d %v, %v", path, first.Status, first.Header, err)
		}
		same, err := c.Do(t.Context(), http.MethodGet, path, nil, map[string]string{"If-None-Match": first.Header.Get("ETag")})
		if err != nil || same.Status != http.StatusNotModified || len(same.Body) != 0 {
			t.Errorf("%s: %d %s, %v", path, same.Status, same.Body, err)
		}
	}
}

// Free seats are those that reconcile has counted, in steps, and only of concerts that are on sale.
func TestFreeSeatsComeFromTheOverview(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	c := s.withToken(t, "")
	seats := 0
	for _, g := range s.layout.Groups {
		seats += len(g.Seats)
	}
	eventually(t, 2*decideWithin, func() (bool, string) {
		s.reconcile(t)
		shown := "no count is shown"
		done := false
		for query := "limit=100"; query != ""; {
			var p browsed
			if err := c.Get(t.Context(), "/concerts?"+query, &p); err != nil {
				t.Fatal(err)
			}
			for _, concert := range p.Concerts {
				if concert.Available == nil {
					continue
				}
				if concert.Status != "on_sale" {
					t.Errorf("%s is %s and shows %+v", concert.ID, concert.Status, *concert.Available)
				}
				if a := *concert.Available; concert.ID == s.Concert {
					shown = fmt.Sprintf("shown is %+v of %d seats", a, seats)
					// Rounded down to a twentieth.
					done = a.Total == seats && a.Free > 0 && (a.Free == seats || a.Free%(seats/20) == 0)
				}
			}
			if query = ""; p.NextCursor != "" {
				query = "limit=100&cursor=" + url.QueryEscape(p.NextCursor)
			}
		}
		return done, shown
	})
}
