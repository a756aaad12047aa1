package queries_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts/layoutitem"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/queries"
)

// hall is a concert with one group of five seats, in a layout version that is sold or only planned.
type hall struct {
	concert readmodel.Concert
	// revision is the group's revision in Redis.
	revision string
}

func (h hall) Concert(context.Context, string) (readmodel.Concert, bool, error) {
	return h.concert, true, nil
}

// LayoutItem implements layoutitem.Source.
func (h hall) LayoutItem(context.Context, string, bool) ([]byte, bool, error) {
	body, err := layoutitem.EncodePage(layoutitem.Page{Groups: []readmodel.LayoutGroup{{
		Group: "A", Section: "s", Kind: readmodel.KindSeats, Seats: []string{"1", "2", "3", "4", "5"},
		Rows: []readmodel.LayoutRow{{Name: "1", Seats: []string{"1", "2", "3", "4", "5"}}},
	}}})
	return body, true, err
}

func (h hall) Maps(_ context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error) {
	shown, err := seatstate.SnapshotOf(groups[0], h.revision, "\x80\x00")
	return []seatstate.Snapshot{shown}, err
}

// A map of another layout version would show a seat with the state of another one.
func TestMapOfOtherLayoutVersionIsLoading(t *testing.T) {
	ready, allHeld := []byte{0b10_00_00_00, 0}, []byte{0b01_01_01_01, 0b01_00_00_00}
	for _, c := range []struct {
		name       string
		version    int
		frozen     int
		revision   string
		state      string
		epoch, rev int64
		seats      []byte
	}{
		{"of the version that is sold", 2, 2, "3.7.2", "ready", 3, 7, ready},
		{"of an older version", 2, 2, "3.7.1", "loading", 0, 0, allHeld},
		{"of a newer version", 2, 2, "3.7.3", "loading", 0, 0, allHeld},
		{"loaded before revisions had a version", 2, 2, "3.7", "loading", 0, 0, allHeld},
		{"not in Redis", 2, 2, "", "loading", 0, 0, allHeld},
		{"of an older version, with the new one not yet frozen", 2, 0, "3.7.1", "loading", 0, 0, allHeld},
	} {
		h := hall{concert: readmodel.Concert{ConcertID: "c", OnSaleAt: 1, OffSaleAt: 1 << 50, LayoutVersion: c.version, LayoutFrozen: c.frozen}, revision: c.revision}
		a := queries.NewAvailability(queries.Concerts{Catalogue: h, Plans: queries.NewPlans(h, time.Now), Log: slog.New(slog.DiscardHandler), Now: time.Now}, h)
		const route = "GET /api/concerts/{concertId}/availability"
		router := httpapi.NewRouter(map[string]httpapi.Handler{route: a.Handle}, slog.New(slog.DiscardHandler), time.Now)
		response, err := router.Handle(t.Context(), events.APIGatewayV2HTTPRequest{RouteKey: route, PathParameters: map[string]string{"concertId": "c"}})
		if err != nil {
			t.Fatal(err)
		}
		var body struct {
			LayoutVersion int
			Groups        []struct {
				Epoch, Rev int64
				State      string
				Seats      []byte
			}
		}
		if err := json.Unmarshal([]byte(response.Body), &body); err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != http.StatusOK || body.LayoutVersion != c.version || len(body.Groups) != 1 {
			t.Fatalf("%s: %d %s", c.name, response.StatusCode, response.Body)
		}
		if g := body.Groups[0]; g.State != c.state || g.Epoch != c.epoch || g.Rev != c.rev || !bytes.Equal(g.Seats, c.seats) {
			t.Errorf("%s: %+v, want %s %d.%d %08b", c.name, g, c.state, c.epoch, c.rev, c.seats)
		}
	}
}
