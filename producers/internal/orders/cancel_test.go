package orders_test

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/orders"
)

// Verify implements orders.Owners.
func (w *world) Verify(user, asked string) (contracts.OrderID, bool) {
	return contracts.OrderID(asked), user == "anna" && asked == string(id)
}

func (w *world) delete(t *testing.T, user, asked string) httpapi.Response {
	t.Helper()
	return w.deleteBy(t, w, user, asked)
}

// deleteBy is delete with other ids.
func (w *world) deleteBy(t *testing.T, ids orders.Owners, user, asked string) httpapi.Response {
	t.Helper()
	h := orders.Cancel{Rows: w, Queue: w, Owners: ids, Jitter: most{}, Log: slog.New(slog.DiscardHandler)}
	router := httpapi.NewRouter(map[string]httpapi.Handler{"DELETE /api/orders/{orderId}": h.Handle}, slog.New(slog.DiscardHandler), time.Now)
	response, err := router.Handle(t.Context(), events.APIGatewayV2HTTPRequest{
		RouteKey: "DELETE /api/orders/{orderId}", PathParameters: map[string]string{"orderId": asked},
		RequestContext: events.APIGatewayV2HTTPRequestContext{Authorizer: &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
			JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: map[string]string{"sub": user}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func TestCancelInEveryStatus(t *testing.T) {
	for _, status := range contracts.Statuses()[1:] {
		w := &world{row: &readmodel.Order{OrderID: id, UserID: "anna", ConcertID: "c", Group: "A", Status: status, Version: 3}}
		response := w.delete(t, "anna", string(id))
		want, calls := 200, []string{"row"}
		switch {
		case status.Open():
			want, calls = 202, []string{"row", "send"}
		case status == contracts.Committed, status == contracts.Confirmed:
			want = 409
		}
		if response.StatusCode != want || !slices.Equal(w.calls, calls) {
			t.Errorf("%s: got %d after %v, want %d after %v", status, response.StatusCode, w.calls, want, calls)
		}
		if want == 409 && code(t, response) != "order_paid" {
			t.Errorf("%s: got %s", status, response.Body)
		}
		if paced := response.Headers["Retry-After"] != ""; paced != (want == 202 || status == contracts.Committed) {
			t.Errorf("%s: Retry-After is %q", status, response.Headers["Retry-After"])
		}
	}
}

// A client that has to ask again is told when, depending on the order's status.
func TestCancelSaysWhenToAskAgain(t *testing.T) {
	for status, want := range map[contracts.Status]int{
		"": 5000, contracts.Held: 1000, contracts.AwaitingPayment: 3000, contracts.Committed: 1000, contracts.Confirmed: 0, contracts.Expired: 0,
	} {
		w := &world{}
		if status != "" {
			w.row = &readmodel.Order{OrderID: id, UserID: "anna", ConcertID: "c", Group: "A", Status: status, Version: 3}
		}
		wantPace(t, string(status), w.delete(t, "anna", string(id)), want)
	}
	for name, w := range map[string]*world{
		"the row cannot be read": {fail: map[string]bool{"row": true}},
		"the queue fails":        {row: &readmodel.Order{OrderID: id, UserID: "anna", ConcertID: "c", Group: "A", Status: contracts.Held, Version: 1}, fail: map[string]bool{"send": true}},
	} {
		wantPace(t, name, w.delete(t, "anna", string(id)), 5000)
	}
}

func TestCancelSendsToTheGroupOfTheRow(t *testing.T) {
	w := &world{row: &readmodel.Order{OrderID: id, UserID: "anna", ConcertID: "c", Group: "A", Status: contracts.Held, Version: 3}}
	w.delete(t, "anna", string(id))
	m, err := message.Decode(w.sent[0].Body)
	if err != nil || m != (message.CancelOrder{OrderID: id, ConcertID: "c", Group: "A", CommandID: "v3"}) {
		t.Errorf("sent %+v, %v", m, err)
	}
}

// The row of an order whose message could not be read may have no user. The order has ended, and the buyer whose tag the id has
// is told so.
func TestCancelOfRowWithoutUser(t *testing.T) {
	w := &world{row: &readmodel.Order{OrderID: id, Status: contracts.Rejected, Version: 1}}
	if response := w.delete(t, "anna", string(id)); response.StatusCode != 200 || len(w.sent) > 0 {
		t.Errorf("the buyer gets %d %s", response.StatusCode, response.Body)
	}
	if response := w.delete(t, "ben", string(id)); response.StatusCode != 404 {
		t.Errorf("another one gets %d %s", response.StatusCode, response.Body)
	}
}

func TestCancelRefusals(t *testing.T) {
	held := readmodel.Order{OrderID: id, UserID: "anna", ConcertID: "c", Group: "A", Status: contracts.Held, Version: 1}
	others := held
	others.UserID = "ben"
	for name, test := range map[string]struct {
		world       world
		user, asked string
		want        int
		code        string
	}{
		"no row yet":             {user: "anna", asked: string(id), want: 409, code: "order_not_decided"},
		"a wrong tag":            {world: world{row: &held}, user: "ben", asked: string(id), want: 404, code: "order_not_found"},
		"no order id":            {world: world{row: &held}, user: "anna", asked: "x", want: 404, code: "order_not_found"},
		"another buyer's row":    {world: world{row: &others}, user: "anna", asked: string(id), want: 404, code: "order_not_found"},
		"the row cannot be read": {world: world{fail: map[string]bool{"row": true}}, user: "anna", asked: string(id), want: 503, code: "unavailable"},
		"the queue fails":        {world: world{row: &held, fail: map[string]bool{"send": true}}, user: "anna", asked: string(id), want: 503, code: "unavailable"},
	} {
		w := test.world
		if response := w.delete(t, test.user, test.asked); response.StatusCode != test.want || code(t, response) != test.code {
			t.Errorf("%s: got %d %s, want %d %s", name, response.StatusCode, response.Body, test.want, test.code)
		}
	}
}
