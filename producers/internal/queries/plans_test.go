package queries_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/queries"
)

// venue is the catalogue, the items of layouts and Redis. It counts the reads of the latter two.
type venue struct {
	concerts
	now   time.Time
	items map[string][]byte
	reads []string
	maps  []seatstate.Snapshot
	// mapsErr is returned beside maps.
	mapsErr error
	looks   int
}

func (v *venue) LayoutItem(_ context.Context, key string, consistent bool) ([]byte, bool, error) {
	v.reads = append(v.reads, fmt.Sprint(key, " ", consistent))
	body, found := v.items[key]
	return body, found, nil
}

func (v *venue) Maps(context.Context, []seatstate.GroupVersion) ([]seatstate.Snapshot, error) {
	v.looks++
	return v.maps, v.mapsErr
}

// newVenue makes a concert whose third layout is sold, and a fourth layout.
func newVenue(t *testing.T) *venue {
	t.Helper()
	v := &venue{
		now:      time.UnixMilli(1_790_000_000_000),
		concerts: concerts{"c": {ConcertID: "c", LayoutVersion: 3, LayoutFrozen: 3, OffSaleAt: 1, Tiers: []readmodel.Tier{{ID: "gold", Name: "of the concert"}}}},
		items:    map[string][]byte{},
		maps:     []seatstate.Snapshot{{Loaded: true, Revision: seatstate.Revision{Epoch: 1, Rev: 1, LayoutVersion: 3}, Map: seatstate.SeatMap{0x90}}, {Loaded: true, Map: seatstate.SeatMap{0}}},
	}
	for version := 1; version <= 4; version++ {
		seats := []string{"A-1", "A-2"}
		body, err := layoutitem.EncodePage(layoutitem.Page{
			Tiers: []readmodel.Tier{{ID: "gold", Name: fmt.Sprint("of layout ", version)}},
			Groups: []readmodel.LayoutGroup{
				{Group: "A", Section: "s", Kind: readmodel.KindSeats, Tier: "gold", Seats: seats, Rows: []readmodel.LayoutRow{{Name: "1", Seats: seats}}},
				{Group: "B", Section: "s", Kind: readmodel.KindSeats, Tier: "gold", Seats: []string{"B-1"}, Rows: []readmodel.LayoutRow{{Name: "1", Seats: []string{"B-1"}}}},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		v.items[layoutitem.Key("c", version, layoutitem.UsePage)] = body
	}
	return v
}

const (
	layoutRoute       = "GET /api/concerts/{concertId}/layout"
	availabilityRoute = "GET /api/concerts/{concertId}/availability"
)

// api has the routes over the venue, as one process has them.
func (v *venue) api() func(t *testing.T, route, query string, headers map[string]string) httpapi.Response {
	now := func() time.Time { return v.now }
	log := slog.New(slog.DiscardHandler)
	c := queries.Concerts{Catalogue: v.concerts, Plans: queries.NewPlans(v, now), Log: log, Now: now}
	router := httpapi.NewRouter(map[string]httpapi.Handler{layoutRoute: c.Layout, availabilityRoute: queries.NewAvailability(c, v).Handle}, log, now)
	return func(t *testing.T, route, query string, headers map[string]string) httpapi.Response {
		t.Helper()
		response, err := router.Handle(t.Context(), events.APIGatewayV2HTTPRequest{
			RouteKey: route, RawQueryString: query, Headers: headers, PathParameters: map[string]string{"concertId": "c"},
		})
		if err != nil {
			t.Fatal(err)
		}
		return response
	}
}

// Twenty requests for an old version make one read. The answer is immutable, and has the tiers of that version.
func TestVersionsUpToFrozenAreReadOnceAndImmutable(t *testing.T) {
	v := newVenue(t)
	get := v.api()
	for range 20 {
		for version := 1; version <= 3; version++ {
			response := get(t, layoutRoute, fmt.Sprint("version=", version), nil)
			var body struct {
				ConcertID     string
				LayoutVersion int
				Tiers         []struct{ Name string }
				Groups        []struct{ Group string }
			}
			if err := json.Unmarshal([]byte(response.Body), &body); err != nil || response.StatusCode != http.StatusOK {
				t.Fatalf("version %d: %d %s", version, response.StatusCode, response.Body)
			}
			if body.ConcertID != "c" || body.LayoutVersion != version || body.Tiers[0].Name != fmt.Sprint("of layout ", version) || len(body.Groups) != 2 {
				t.Errorf("version %d: %s", version, response.Body)
			}
			if age := response.Headers["Cache-Control"]; age != "public, max-age=31536000, immutable" {
				t.Errorf("version %d: %s", version, age)
			}
			v.now = v.now.Add(time.Minute)
		}
	}
	if len(v.reads) != 3 || strings.Contains(strings.Join(v.reads, " "), "true") {
		t.Errorf("read %v", v.reads)
	}
	if response := get(t, layoutRoute, "", nil); response.Headers["Cache-Control"] == "public, max-age=31536000, immutable" || response.StatusCode != http.StatusOK {
		t.Errorf("without a version: %d, %s", response.StatusCode, response.Headers["Cache-Control"])
	}
	// A text that is no version is not read, and gets no other version's answer. A version that is newer than the concert in
	// memory is read.
	if response := get(t, layoutRoute, "version=4", nil); response.StatusCode != http.StatusOK || strings.Contains(response.Headers["Cache-Control"], "immutable") {
		t.Errorf("a newer one: %d, %s", response.StatusCode, response.Headers["Cache-Control"])
	}
	if response := get(t, layoutRoute, "version=5", nil); response.StatusCode != http.StatusNotFound {
		t.Errorf("none: %d", response.StatusCode)
	}
	v.reads = nil
	for _, query := range []string{"version=0", "version=-1", "version=01", "version=1.0", "version="} {
		if response := get(t, layoutRoute, query, nil); response.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", query, response.StatusCode)
		}
	}
	if len(v.reads) != 0 {
		t.Errorf("read %v", v.reads)
	}
	for _, query := range []string{"version=1&version=1", "version=1&x=1", "v=1", "version=%zz"} {
		if response := get(t, layoutRoute, query, nil); response.StatusCode != http.StatusBadRequest || !strings.Contains(response.Body, "invalid_filter") {
			t.Errorf("%s: %d %s", query, response.StatusCode, response.Body)
		}
	}
}

// A layout that is not frozen may still be replaced: it is kept for seconds, by the process and by every cache.
func TestUnfrozenLayoutIsNotImmutable(t *testing.T) {
	v := newVenue(t)
	c := v.concerts["c"]
	c.LayoutFrozen = 0
	v.concerts["c"] = c
	get := v.api()
	for range 3 {
		if response := get(t, layoutRoute, "version=3", nil); response.StatusCode != http.StatusOK || strings.Contains(response.Headers["Cache-Control"], "immutable") {
			t.Errorf("%d, %s", response.StatusCode, response.Headers["Cache-Control"])
		}
	}
	v.now = v.now.Add(layoutitem.Fresh)
	get(t, layoutRoute, "version=3", nil)
	if len(v.reads) != 2 {
		t.Errorf("read %v", v.reads)
	}
}

// An answer about seats is made once a second, however many clients ask.
func TestAvailabilityIsReadOnceASecond(t *testing.T) {
	v := newVenue(t)
	get := v.api()
	first := get(t, availabilityRoute, "", nil)
	v.maps[0].Map = seatstate.SeatMap{0xa0}
	v.now = v.now.Add(time.Second - 1)
	kept := get(t, availabilityRoute, "", nil)
	if kept.Body != first.Body || kept.Headers["ETag"] != first.Headers["ETag"] || v.looks != 1 {
		t.Errorf("after %d looks: %s, was %s", v.looks, kept.Body, first.Body)
	}
	tag := map[string]string{"if-none-match": first.Headers["ETag"]}
	if same := get(t, availabilityRoute, "", tag); same.StatusCode != http.StatusNotModified || v.looks != 1 || same.Headers["Cache-Control"] != "public, max-age=1" {
		t.Errorf("%d after %d looks", same.StatusCode, v.looks)
	}
	v.now = v.now.Add(1)
	second := get(t, availabilityRoute, "", tag)
	if second.StatusCode != http.StatusOK || second.Body == first.Body || v.looks != 2 || !strings.Contains(second.Body, `"seats":"oA=="`) {
		t.Errorf("%d %s after %d looks", second.StatusCode, second.Body, v.looks)
	}
	for _, query := range []string{"version=3", "x", "x=1&y=2", "%zz"} {
		if response := get(t, availabilityRoute, query, nil); response.StatusCode != http.StatusBadRequest || !strings.Contains(response.Body, "invalid_filter") {
			t.Errorf("%s: %d %s", query, response.StatusCode, response.Body)
		}
	}
}

// A group whose part of Redis does not answer is loading, all seats held. If nothing answers, the error is not kept.
func TestUnreadGroupIsLoading(t *testing.T) {
	v := newVenue(t)
	get := v.api()
	v.maps, v.mapsErr = nil, errors.New("connection refused")
	for range 2 {
		if response := get(t, availabilityRoute, "", nil); response.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%d %s", response.StatusCode, response.Body)
		}
	}
	v.maps = []seatstate.Snapshot{{}, {Loaded: true, Map: seatstate.SeatMap{0}}}
	response := get(t, availabilityRoute, "", nil)
	var body struct {
		Groups []struct{ Group, State, Seats string }
	}
	if err := json.Unmarshal([]byte(response.Body), &body); err != nil || response.StatusCode != http.StatusOK || len(body.Groups) != 2 {
		t.Fatalf("%d %s", response.StatusCode, response.Body)
	}
	held := base64.StdEncoding.EncodeToString([]byte{0x50})
	if body.Groups[0].State != "loading" || body.Groups[0].Seats != held || body.Groups[1].State != "ready" || v.looks != 3 {
		t.Errorf("after %d looks: %s", v.looks, response.Body)
	}
}
