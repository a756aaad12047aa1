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
	"boxoffice/contracts/seating"
	"boxoffice/producers/internal/admission"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/pace"
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

// pacer returns a lag, or fails.
type pacer struct {
	lag pace.Lag
	err error
}

func (p pacer) Pace(context.Context) (pace.Lag, error) { return p.lag, p.err }

// seatings has one layout: group g has the seats in row A.
type seatings struct{ err error }

func (s seatings) Seating(_ context.Context, _ string, version int, frozen bool) (*admission.Seating, bool, error) {
	if s.err != nil || version != 1 || !frozen {
		return nil, false, s.err
	}
	seats := []string{"A-1", "A-2"}
	return admission.NewSeating([]readmodel.LayoutGroup{{
		Group: "g", Section: "stalls", Kind: readmodel.KindSeats, Seats: seats, Rows: []readmodel.LayoutRow{{Name: "A", Seats: seats}},
		Price: contracts.Money{Minor: 100, Currency: "EUR"},
	}}), true, nil
}

// near suggests the same seats to every order.
type near struct{}

func (near) Suggest(context.Context, readmodel.Order) []seating.Suggestion {
	return []seating.Suggestion{{Seats: []string{"A-2"}, Amount: contracts.Money{Minor: 100, Currency: "EUR"}, Why: seating.SameRow}}
}

// most is a jitter that draws the upper bound.
type most struct{}

func (most) Int64N(n int64) int64 { return n - 1 }

func get(t *testing.T, r rows, user, asked string) httpapi.Response {
	t.Helper()
	return getPaced(t, r, pacer{lag: pace.Lag{Behind: 4500 * time.Millisecond, Known: true}}, nil, user, asked)
}

// at is the instant of the requests.
const at = 6200

func getPaced(t *testing.T, r rows, p pacer, jitter pace.Source, user, asked string) httpapi.Response {
	t.Helper()
	return askAbout(t, queries.Order{Rows: r, Owners: owners{}, Pacer: p, Jitter: jitter}, user, asked)
}

// getBy asks for an order with other rows and ids.
func getBy(t *testing.T, r queries.Rows, ids queries.Owners, user, asked string) httpapi.Response {
	t.Helper()
	return askAbout(t, queries.Order{Rows: r, Owners: ids, Pacer: pacer{}}, user, asked)
}

func askAbout(t *testing.T, h queries.Order, user, asked string) httpapi.Response {
	t.Helper()
	h.PublishableKey, h.Log, h.Seatings, h.Near = "pk_test_1", slog.New(slog.DiscardHandler), seatings{}, near{}
	h.Now = func() time.Time { return time.UnixMilli(at) }
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

func TestOrderWithoutRowIsQueued(t *testing.T) {
	got := get(t, rows{}, "anna", string(id))
	want := `{"orderId":"` + string(id) + `","version":0,"status":"QUEUED","estimatedWaitSeconds":5,"pollAfterMs":2250,"timeline":[{"status":"QUEUED"}]}`
	if got.StatusCode != 200 || got.Body != want || got.Headers["Retry-After"] != "3" {
		t.Errorf("got %d %s, Retry-After %q", got.StatusCode, got.Body, got.Headers["Retry-After"])
	}
}

// If no decision was made for a while, or Redis does not answer, a client is told to ask again after seconds, and never that the
// wait is 0 s.
func TestOrderWithoutRowAndLagWaitsSeconds(t *testing.T) {
	for name, test := range map[string]struct {
		pacer  pacer
		jitter pace.Source
		want   string
		header string
	}{
		"the least":            {pacer{}, nil, `"estimatedWaitSeconds":2,"pollAfterMs":2000`, "2"},
		"the most":             {pacer{}, most{}, `"estimatedWaitSeconds":5,"pollAfterMs":5000`, "5"},
		"no answer":            {pacer{err: errors.New("broken connection")}, most{}, `"estimatedWaitSeconds":5,"pollAfterMs":5000`, "5"},
		"for 10 s":             {pacer{lag: pace.Lag{For: 10 * time.Second}}, nil, `"estimatedWaitSeconds":7,"pollAfterMs":7000`, "7"},
		"for an hour":          {pacer{lag: pace.Lag{For: time.Hour}}, most{}, `"estimatedWaitSeconds":15,"pollAfterMs":15000`, "15"},
		"a lag of nothing":     {pacer{lag: pace.Lag{Known: true}}, most{}, `"estimatedWaitSeconds":0,"pollAfterMs":300`, "1"},
		"that stands for 10 s": {pacer{lag: pace.Lag{Known: true, For: 10 * time.Second}}, most{}, `"estimatedWaitSeconds":0,"pollAfterMs":5000`, "5"},
	} {
		got := getPaced(t, rows{}, test.pacer, test.jitter, "anna", string(id))
		if want := `{"orderId":"` + string(id) + `","version":0,"status":"QUEUED",` + test.want + `,"timeline":[{"status":"QUEUED"}]}`; got.StatusCode != 200 || got.Body != want || got.Headers["Retry-After"] != test.header {
			t.Errorf("%s: %d %s, Retry-After %q; want %s", name, got.StatusCode, got.Body, got.Headers["Retry-After"], want)
		}
	}
}

// A client asks more seldom the longer an order stays as it is, unless its buyer may pay at any time.
func TestWaitOfOrderWithRow(t *testing.T) {
	for status, want := range map[contracts.Status][2]string{
		contracts.Held: {`"pollAfterMs":2500`, "3"}, contracts.Committed: {`"pollAfterMs":2500`, "3"}, contracts.AwaitingPayment: {`"pollAfterMs":3000`, "3"},
	} {
		row := &readmodel.Order{OrderID: id, UserID: "anna", Status: status, Version: 1, History: []readmodel.HistoryEntry{{Status: status, Version: 1, At: at - 5000}}}
		got := getPaced(t, rows{row: row}, pacer{}, most{}, "anna", string(id))
		if !strings.Contains(got.Body, want[0]) || got.Headers["Retry-After"] != want[1] || strings.Contains(got.Body, "estimatedWait") {
			t.Errorf("%s: %s, Retry-After %q; want %v", status, got.Body, got.Headers["Retry-After"], want)
		}
	}
}

func TestOtherBuyersOrderIsNotFound(t *testing.T) {
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

// The row of an order whose message could not be read may have no user. The tag of its id says whose it is.
func TestRowWithoutUserIsShownToTagsOwner(t *testing.T) {
	row := readmodel.Order{OrderID: id, Status: contracts.Rejected, Version: 1, Reason: &readmodel.Reason{Code: contracts.ReasonInternal}}
	if got := get(t, rows{row: &row}, "anna", string(id)); got.StatusCode != 200 || !strings.Contains(got.Body, `"status":"REJECTED"`) {
		t.Errorf("the buyer gets %d %s", got.StatusCode, got.Body)
	}
	if got := get(t, rows{row: &row}, "ben", string(id)); got.StatusCode != 404 {
		t.Errorf("another one gets %d %s", got.StatusCode, got.Body)
	}
}

func TestUnreadableRowIsUnavailable(t *testing.T) {
	got := get(t, rows{err: errors.New("dial tcp 10.0.0.1: refused")}, "anna", string(id))
	if got.StatusCode != 503 || strings.Contains(got.Body, "10.0.0.1") || got.Headers["Retry-After"] != "2" || !strings.Contains(got.Body, `"pollAfterMs":2000`) {
		t.Errorf("got %d %s", got.StatusCode, got.Body)
	}
}

// In every status: the wait is stated until the order is settled, and the timeline begins with QUEUED and ends with the present
// status.
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
