package queries_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"boxoffice/contracts/readmodel"
)

// FuzzList: whatever the query string, the answer is a page or a problem of the caller, and the cursor of a page continues it to the
// end with each concert once.
func FuzzList(f *testing.F) {
	for _, query := range []string{
		"", "limit=2", "city=Vienna&limit=1", "q=noct%C3%BCrne", "from=2030-01-01&to=2031-01-01&limit=3", "city=a;b", "city=%zz", "limit=0", "cursor=e30",
		"q=%00", "q=a&q=b", "to=0001-01-01", "genre=%F0%9F%8E%B8", "cursor=YXZqcqHg9k1seyJzIjoiMjAzMC0wOS0xNFQxODowMDowMC4wMDBaIiwiaSI6Im5vY3R1cm5lLTIwMzAifQ",
	} {
		f.Add(query)
	}
	var all []readmodel.Concert
	for i := range 9 {
		c := full(fmt.Sprintf("c-%d", i))
		c.City = []string{"Vienna", "Łódź", "Paris"}[i%3]
		all = append(all, c)
	}
	get := browsing(openFor, nil, all...)
	f.Fuzz(func(t *testing.T, query string) {
		seen := map[string]bool{}
		for pages := 0; ; pages++ {
			response := get(t, listRoute, query, "", nil)
			if response.StatusCode == http.StatusBadRequest {
				if code := codeOf(t, response); pages > 0 || !slices.Contains([]string{"invalid_filter", "invalid_limit", "invalid_cursor"}, code) {
					t.Fatalf("page %d of %q: %s", pages, query, response.Body)
				}
				return
			}
			var page struct {
				Concerts   []struct{ ID string }
				NextCursor string
			}
			if err := json.Unmarshal([]byte(response.Body), &page); err != nil || response.StatusCode != http.StatusOK {
				t.Fatalf("%q: %d %s, %v", query, response.StatusCode, response.Body, err)
			}
			for _, c := range page.Concerts {
				if seen[c.ID] {
					t.Fatalf("%q lists %s twice", query, c.ID)
				}
				seen[c.ID] = true
			}
			if page.NextCursor == "" {
				return
			}
			if len(page.Concerts) == 0 {
				t.Fatalf("%q: an empty page has a next one", query)
			}
			values, err := url.ParseQuery(query)
			if err != nil {
				t.Fatalf("%q was accepted: %v", query, err)
			}
			values.Set("cursor", page.NextCursor)
			query = values.Encode()
		}
	})
}
