package queries_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/contracttest"
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

// The limit per buyer that a concert shows is the one that holds, also if none is stored, and a cancelled concert says so.
func TestConcertShowsBuyerLimitAndCancellation(t *testing.T) {
	h := queries.Concerts{
		Catalogue: concerts{
			"limited": {LimitPerOrder: 4, LimitPerBuyer: 6}, "default": {LimitPerOrder: 4}, "large orders": {LimitPerOrder: 12},
			"cancelled": {LimitPerOrder: 4, CancelledAt: 1, OffSaleAt: 4102444800000},
		},
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	const route = "GET /api/concerts/{concertId}"
	router := httpapi.NewRouter(map[string]httpapi.Handler{route: h.Detail}, slog.New(slog.DiscardHandler), time.Now)
	for id, want := range map[string]struct {
		perOrder, perBuyer int
		status             string
	}{"limited": {4, 6, "over"}, "default": {4, 8, "over"}, "large orders": {12, 12, "over"}, "cancelled": {4, 8, "cancelled"}} {
		response, err := router.Handle(t.Context(), events.APIGatewayV2HTTPRequest{RouteKey: route, PathParameters: map[string]string{"concertId": id}})
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Status                       string
			LimitPerOrder, LimitPerBuyer int
		}
		if err := json.Unmarshal([]byte(response.Body), &got); err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s, %v", id, response.StatusCode, response.Body, err)
		}
		if got.LimitPerBuyer != want.perBuyer || got.LimitPerOrder != want.perOrder || got.Status != want.status {
			t.Errorf("%s: %+v, want %+v", id, got, want)
		}
	}
}

// The rules of a concert's orders are always present; an instant that the concert does not have is omitted.
func TestConcertShowsItsRules(t *testing.T) {
	contract := contracttest.New(t)
	concert := readmodel.Concert{ConcertID: "c", LimitPerOrder: 4, LimitPerBuyer: 8, LayoutVersion: 1, PriceFrom: contracts.Money{Minor: 100, Currency: "EUR"}}
	kept := concert
	kept.AccessibleReleaseAt = 1_900_000_000_123
	h := queries.Concerts{Catalogue: concerts{"never": concert, "later": kept}, Log: slog.New(slog.DiscardHandler), Now: time.Now}
	const route = "GET /api/concerts/{concertId}"
	router := httpapi.NewRouter(map[string]httpapi.Handler{route: h.Detail}, slog.New(slog.DiscardHandler), time.Now)
	for id, want := range map[string]string{
		"never": `"rules":{"noSingleSeat":false},`, "later": `"rules":{"noSingleSeat":false,"accessibleReleaseAt":"2030-03-17T17:46:40.123Z"},`,
	} {
		response, err := router.Handle(t.Context(), events.APIGatewayV2HTTPRequest{RouteKey: route, PathParameters: map[string]string{"concertId": id}})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(response.Body, want) {
			t.Errorf("%s: %s, want %s", id, response.Body, want)
		}
		if problems := contract.Problems(t, http.MethodGet, "/api/concerts/"+id, response); problems != "" {
			t.Errorf("%s: %s", id, problems)
		}
	}
}

// An answer is never kept past the instant at which it changes: a sale that opens looks open.
func TestAnswerIsNotKeptPastChangeOfStatus(t *testing.T) {
	now := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		on, off time.Duration // from now
		age     string
	}{
		"opens in an hour":    {time.Hour, 2 * time.Hour, "10"},
		"opens in 10 s":       {10 * time.Second, time.Hour, "10"},
		"opens in 3.9 s":      {3900 * time.Millisecond, time.Hour, "3"},
		"opens in 1 ms":       {time.Millisecond, time.Hour, "0"},
		"opens now":           {0, time.Hour, "10"},
		"ends in 5 s":         {-time.Hour, 5 * time.Second, "5"},
		"ended an hour ago":   {-2 * time.Hour, -time.Hour, "10"},
		"opens and ends soon": {4 * time.Second, 2 * time.Second, "2"},
	} {
		c := readmodel.Concert{
			ConcertID: "c", LayoutVersion: 1, LayoutFrozen: 1,
			OnSaleAt: contracts.InstantOf(now.Add(test.on)), OffSaleAt: contracts.InstantOf(now.Add(test.off)),
		}
		h := queries.Concerts{Catalogue: listed{concerts: concerts{"c": c}, all: []readmodel.Concert{c}}, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }}
		for route, handler := range map[string]httpapi.Handler{"GET /api/concerts/{concertId}": h.Detail, "GET /api/concerts": h.List} {
			router := httpapi.NewRouter(map[string]httpapi.Handler{route: handler}, slog.New(slog.DiscardHandler), time.Now)
			response, err := router.Handle(t.Context(), events.APIGatewayV2HTTPRequest{RouteKey: route, PathParameters: map[string]string{"concertId": "c"}})
			if err != nil || response.Headers["Cache-Control"] != "public, max-age="+test.age {
				t.Errorf("%s, %s: %q, %v; want max-age %s", name, route, response.Headers["Cache-Control"], err, test.age)
			}
		}
	}
}
