package queries_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/queries"
)

const id = contracts.OrderID("e1000000000000000000000000000000")

type rows struct {
	row *readmodel.Order
	err error
}

func (r rows) Order(context.Context, contracts.OrderID) (readmodel.Order, bool, error) {
	if r.row == nil {
		return readmodel.Order{}, false, r.err
	}
	return *r.row, true, r.err
}

type owners struct{}

func (owners) Verify(user, asked string) (contracts.OrderID, bool) {
	return contracts.OrderID(asked), user == "anna" && asked == string(id)
}

type pacer struct{}

func (pacer) Pace(context.Context) (time.Duration, error) { return 4500 * time.Millisecond, nil }

func get(t *testing.T, r rows, user, asked string) httpapi.Response {
	t.Helper()
	h := queries.Order{Rows: r, Owners: owners{}, Pacer: pacer{}, PublishableKey: "pk_test_1", Log: slog.New(slog.DiscardHandler)}
	router := httpapi.NewRouter(map[string]httpapi.Handler{"GET /api/orders/{orderId}": h.Handle}, slog.New(slog.DiscardHandler), time.Now)
	response, err := router.Handle(t.Context(), events.APIGatewayV2HTTPRequest{
		RouteKey: "GET /api/orders/{orderId}", PathParameters: map[string]string{"orderId": asked},
		RequestContext: events.APIGatewayV2HTTPRequestContext{Authorizer: &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
			JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: map[string]string{"sub": user}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func TestAnOrderWithoutARowIsQueued(t *testing.T) {
	got := get(t, rows{}, "anna", string(id))
	want := `{"orderId":"` + string(id) + `","version":0,"status":"QUEUED","estimatedWaitSeconds":5,"pollAfterMs":2250,"timeline":[{"status":"QUEUED"}]}`
	if got.StatusCode != 200 || got.Body != want || got.Headers["Retry-After"] != "3" {
		t.Errorf("got %d %s, Retry-After %q", got.StatusCode, got.Body, got.Headers["Retry-After"])
	}
}

func TestOrdersThatAreNotTheBuyers(t *testing.T) {
	for name, got := range map[string]httpapi.Response{
		"a wrong tag":           get(t, rows{}, "ben", string(id)),
		"no order id":           get(t, rows{}, "anna", "x"),
		"a row of another user": get(t, rows{row: &readmodel.Order{OrderID: id, UserID: "ben"}}, "anna", string(id)),
	} {
		if got.StatusCode != 404 || !strings.Contains(got.Body, `"order_not_found"`) {
			t.Errorf("%s: got %d %s", name, got.StatusCode, got.Body)
		}
	}
}

// Of an order whose message could not be read the row may have no user. The tag of its id says whose it is.
func TestARowWithoutAUserIsShownToWhoHasTheTag(t *testing.T) {
	row := readmodel.Order{OrderID: id, Status: contracts.Rejected, Version: 1, Reason: &readmodel.Reason{Code: contracts.ReasonInternal}}
	if got := get(t, rows{row: &row}, "anna", string(id)); got.StatusCode != 200 || !strings.Contains(got.Body, `"status":"REJECTED"`) {
		t.Errorf("the buyer gets %d %s", got.StatusCode, got.Body)
	}
	if got := get(t, rows{row: &row}, "ben", string(id)); got.StatusCode != 404 {
		t.Errorf("another one gets %d %s", got.StatusCode, got.Body)
	}
}

func TestARowThatCannotBeReadIsUnavailable(t *testing.T) {
	got := get(t, rows{err: errors.New("dial tcp 10.0.0.1: refused")}, "anna", string(id))
	if got.StatusCode != 503 || strings.Contains(got.Body, "10.0.0.1") || got.Headers["Retry-After"] == "" {
		t.Errorf("got %d %s", got.StatusCode, got.Body)
	}
}

// Every status: the pace is there until the order is settled, and the timeline begins with QUEUED and ends with the
// present status.
func TestEveryStatus(t *testing.T) {
	for _, status := range contracts.Statuses()[1:] {
		row := &readmodel.Order{
			OrderID: id, UserID: "anna", Status: status, Version: 2, AcceptedAt: 1000, HoldExpiresAt: 301_000,
			Amount:  &contracts.Money{Minor: 100, Currency: "EUR"},
			History: []readmodel.HistoryEntry{{Status: contracts.Held, Version: 1, At: 1100}, {Status: status, Version: 2, At: 1200, Cause: "c"}},
		}
		got := get(t, rows{row: row}, "anna", string(id))
		var body struct {
			Status      contracts.Status
			PollAfterMs *int
			Timeline    []struct {
				Status  contracts.Status
				Version int
				At      contracts.Instant
			}
		}
		if err := json.Unmarshal([]byte(got.Body), &body); err != nil {
			t.Fatal(err)
		}
		if paced := got.Headers["Retry-After"] != "" && body.PollAfterMs != nil; paced == status.Settled() {
			t.Errorf("%s: paced is %v", status, paced)
		}
		if len(body.Timeline) != 3 || body.Timeline[0].Status != contracts.Queued || body.Timeline[0].At != 1000 || body.Timeline[2].Status != status || body.Timeline[2].Version != 2 {
			t.Errorf("%s: timeline %+v", status, body.Timeline)
		}
	}
}
