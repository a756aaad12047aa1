package edge_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"boxoffice/scripts/lambdahost/internal/edge"
)

// A hit is what most requests of a sale are: the map of 22,692 seats, compressed, and a 304 of it. Run on one processor by
// `go test -bench . -cpu 1`; the numbers are without the network.
func BenchmarkHit(b *testing.B) {
	body := `{"seats":"` + strings.Repeat("AVUA", 22692/4/3) + `"}`
	for name, headers := range map[string][]string{"br": {"Accept-Encoding", "br"}, "304": {"If-None-Match", `"strong"`}} {
		b.Run(name, func(b *testing.B) {
			handler, err := edge.New(edge.Options{Origin: sized("application/json", body), Now: time.Now})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodGet, availability, http.NoBody)
				r.Header.Set(headers[0], headers[1])
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				if w.Code != 200 && w.Code != 304 {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
