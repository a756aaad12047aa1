package queries_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/admission"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/queries"
)

// concerts is a catalogue of concerts alone.
type concerts map[string]readmodel.Concert

func (c concerts) Concert(_ context.Context, id string) (readmodel.Concert, bool, error) {
	concert, found := c[id]
	return concert, found, nil
}

func (concerts) Concerts(context.Context) ([]readmodel.Concert, error) { return nil, nil }

func (concerts) Seating(context.Context, string, int, bool) (*admission.Seating, bool, error) {
	return nil, false, nil
}

// The contract has no limit of 0: a concert without a limit leaves the member out.
func TestAConcertTellsItsLimitPerBuyerOnlyIfItHasOne(t *testing.T) {
	h := queries.Concerts{
		Catalogue: concerts{"limited": {LimitPerOrder: 4, LimitPerBuyer: 6}, "free": {LimitPerOrder: 4}},
		Log:       slog.New(slog.DiscardHandler), Now: time.Now,
	}
	const route = "GET /api/concerts/{concertId}"
	router := httpapi.NewRouter(map[string]httpapi.Handler{route: h.Detail}, slog.New(slog.DiscardHandler), time.Now)
	for id, want := range map[string]string{"limited": "6", "free": ""} {
		response, err := router.Handle(t.Context(), events.APIGatewayV2HTTPRequest{RouteKey: route, PathParameters: map[string]string{"concertId": id}})
		if err != nil {
			t.Fatal(err)
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(response.Body), &members); err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s, %v", id, response.StatusCode, response.Body, err)
		}
		if got := string(members["limitPerBuyer"]); got != want {
			t.Errorf("%s: limitPerBuyer %q, want %q", id, got, want)
		}
		if got := string(members["limitPerOrder"]); got != "4" {
			t.Errorf("%s: limitPerOrder %q", id, got)
		}
	}
}
