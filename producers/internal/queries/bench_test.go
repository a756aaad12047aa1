package queries_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/browse"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/queries"
)

// ready is a listing whose index is made once, as catalogue.Catalogue keeps it.
type ready struct {
	index *browse.Index
	one   readmodel.Concert
}

func (r ready) Concerts(context.Context) (*browse.Index, time.Time, error) {
	return r.index, openFor(), nil
}

func (r ready) ConcertAt(context.Context, string) (readmodel.Concert, time.Time, bool, error) {
	return r.one, openFor(), true, nil
}

// BenchmarkBrowse is a request from the router to the encoded answer, on one core. It prints requests a second and the bytes of the
// answer, as they are and compressed.
func BenchmarkBrowse(b *testing.B) {
	for _, concerts := range []int{36, 1000} {
		var all []readmodel.Concert
		cities, genres := []string{"Vienna", "Łódź", "Paris", "Berlin", "Lisbon", "Reykjavík", "Athens"}, []string{"rock", "jazz", "folk", "pop", "classical"}
		for i := range concerts {
			c := full(fmt.Sprintf("concert-%04d-2030", i))
			c.Title, c.City, c.Genre = fmt.Sprintf("Nocturne in %d movements", i), cities[i%len(cities)], genres[i%len(genres)]
			c.StartsAt++
			all = append(all, c)
		}
		h := queries.Browse{
			Listing: ready{browse.NewIndex(all), all[0]}, Left: seatsLeft{all[0].ConcertID: {Free: 700, Total: 1500}}, HoldSeconds: 300,
			Log: slog.New(slog.DiscardHandler), Now: openFor,
		}
		router := httpapi.NewRouter(map[string]httpapi.Handler{listRoute: h.List, detailRoute: h.Detail}, slog.New(slog.DiscardHandler), time.Now)
		for _, c := range []struct{ name, route, query string }{
			{"page", listRoute, ""}, {"filtered", listRoute, "q=nocturne+movements&city=lodz&from=2030-01-01"}, {"page of 100", listRoute, "limit=100"},
			{"concert", detailRoute, ""},
		} {
			b.Run(fmt.Sprintf("%s of %d", c.name, concerts), func(b *testing.B) {
				b.ReportAllocs()
				event := events.APIGatewayV2HTTPRequest{RouteKey: c.route, RawQueryString: c.query, PathParameters: map[string]string{"concertId": "c"}}
				var response httpapi.Response
				for b.Loop() {
					response, _ = router.Handle(b.Context(), event)
				}
				if response.StatusCode != http.StatusOK || !json.Valid([]byte(response.Body)) {
					b.Fatal(response.StatusCode, response.Body)
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
				b.ReportMetric(float64(len(response.Body)), "B/answer")
				b.ReportMetric(float64(zipped(b, response.Body)), "B/gzip")
			})
		}
	}
}

func zipped(b *testing.B, text string) int {
	b.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(text)); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return out.Len()
}
