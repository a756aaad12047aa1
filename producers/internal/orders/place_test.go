package orders_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/producers/internal/admission"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/orders"
)

const id = contracts.OrderID("e1000000000000000000000000000000")

// world implements every port of the handler and records the calls in their order.
type world struct {
	calls []string
	sent  []message.Encoded
	taken []int
	// shown is the group's map; own says that the order has one of the seats already.
	shown seatstate.Snapshot
	own   bool
	// noSingleSeat is the concert's rule.
	noSingleSeat bool
	lag          time.Duration
	// lagKnown says that Redis has the lag.
	lagKnown bool
	// payments is the lag of payments. Reading it is not recorded: the adapter keeps it in memory for a second.
	payments time.Duration
	down     time.Duration
	maps     []admission.GroupState
	// hall replaces the one group of two seats.
	hall []readmodel.LayoutGroup
	// released is when accessible places become available to everybody; 0 is never.
	released contracts.Instant
	row      *readmodel.Order
	// counted is how many seats are counted for the buyer, nil for no allowance; the limit is 8. skipped says that the batch did
	// not process the row. late is the row that only the second read returns.
	counted *int
	skipped bool
	late    *readmodel.Order
	// buyerLimit is the concert's limit per buyer; 0 is the default.
	buyerLimit int
	fail       map[string]bool
	// asked has the groups that were read in Redis.
	asked []seatstate.GroupVersion
}

func (w *world) call(name string) error {
	w.calls = append(w.calls, name)
	if w.fail[name] {
		return errors.New("broken connection")
	}
	return nil
}

func (w *world) Concert(_ context.Context, concertID string) (readmodel.Concert, bool, error) {
	if w.fail["concert"] {
		return readmodel.Concert{}, false, errors.New("broken connection")
	}
	return readmodel.Concert{
		ConcertID: "c", OnSaleAt: 1, OffSaleAt: 1 << 50, LimitPerOrder: 4, LayoutVersion: 2, LayoutFrozen: 2, AccessibleReleaseAt: w.released, NoSingleSeat: w.noSingleSeat,
		LimitPerBuyer: w.buyerLimit,
	}, concertID == "c", nil
}

func (w *world) Seating(context.Context, string, int, bool) (*admission.Seating, bool, error) {
	if w.hall != nil {
		return admission.NewSeating(w.hall), true, nil
	}
	return admission.NewSeating([]readmodel.LayoutGroup{{
		Group: "A", Section: "s", Kind: readmodel.KindSeats, Seats: []string{"A-1-1", "A-1-2"},
		Rows: []readmodel.LayoutRow{{Name: "1", Seats: []string{"A-1-1", "A-1-2"}}},
	}}), true, nil
}

func (w *world) Look(_ context.Context, g seatstate.GroupVersion, _ contracts.OrderID, _ []int, _ contracts.Instant) (admission.SeatsState, error) {
	w.asked = append(w.asked, g)
	if err := w.call("look"); err != nil {
		return admission.SeatsState{}, err
	}
	return admission.SeatsState{Taken: w.taken, Own: w.own, Shown: w.shown, Lag: w.lag, LagKnown: w.lagKnown}, nil
}

func (w *world) Groups(_ context.Context, groups []seatstate.GroupVersion, order contracts.OrderID) ([]admission.GroupState, error) {
	w.asked = append(w.asked, groups...)
	if err := w.call("maps"); err != nil {
		return nil, err
	}
	if order != id {
		return nil, errors.New("another order was asked about")
	}
	return w.maps, nil
}

func (w *world) PaymentLag(context.Context) (time.Duration, error) {
	if w.fail["payments"] {
		return 0, errors.New("broken connection")
	}
	return w.payments, nil
}

func (w *world) DownFor(_ context.Context, groups ...contracts.SeatGroup) time.Duration {
	if len(groups) == 0 {
		return 0
	}
	return w.down
}

// Records is called only while maps are kept.
func (w *world) Records(context.Context, []contracts.SeatGroup, contracts.OrderID) ([]admission.Record, error) {
	return nil, w.call("records")
}

func (w *world) Order(context.Context, contracts.OrderID) (readmodel.Order, bool, error) {
	if err := w.call("row"); err != nil {
		return readmodel.Order{}, false, err
	}
	if w.late != nil {
		return *w.late, true, nil
	}
	if w.row == nil {
		return readmodel.Order{}, false, nil
	}
	return *w.row, true, nil
}

func (w *world) Account(_ context.Context, of contracts.OrderID, concertID, userID string) (admission.Account, error) {
	if err := w.call("account"); err != nil {
		return admission.Account{}, err
	}
	if of != id || concertID != "c" || userID != "anna" {
		return admission.Account{}, errors.New("another account was asked about")
	}
	return admission.Account{Row: w.row, RowUnknown: w.skipped, Counted: w.counted}, nil
}

func (w *world) Send(_ context.Context, m message.Encoded) error {
	if err := w.call("send"); err != nil {
		return err
	}
	w.sent = append(w.sent, m)
	return nil
}

func (w *world) Mint(string, string) contracts.OrderID { return id }

func (w *world) post(t *testing.T, body string) httpapi.Response {
	t.Helper()
	return postTo(t, orders.Place{
		Catalogue: w, Seats: w, Rows: w, Queue: w, IDs: w, DeadlineAfter: 2 * time.Minute, Jitter: most{},
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.UnixMilli(5000) },
	}, body)
}

func postTo(t *testing.T, h orders.Place, body string) httpapi.Response {
	t.Helper()
	router := httpapi.NewRouter(map[string]httpapi.Handler{"POST /api/orders": h.Handle}, slog.New(slog.DiscardHandler), time.Now)
	response, err := router.Handle(t.Context(), events.APIGatewayV2HTTPRequest{
		RouteKey: "POST /api/orders", RawPath: "/api/orders", Body: body,
		Headers: map[string]string{"content-type": "application/json", "idempotency-key": "k", "x-amzn-trace-id": "Root=1-67891233-abcdef012345678912345678"},
		RequestContext: events.APIGatewayV2HTTPRequestContext{Authorizer: &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
			JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: map[string]string{"sub": "anna"}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return response
}

const best = `{"concertId":"c","bestAvailable":{"section":"s","quantity":2}}`

// gone is the one group with a seat taken, and the order's record there.
func gone(record seatstate.RecordState) []admission.GroupState {
	return []admission.GroupState{{Snapshot: seatstate.Snapshot{Loaded: true, Map: seatstate.SeatMap{0x10}}, Order: record}}
}

// bestRow is the row of the order for any seats.
var bestRow = &readmodel.Order{Status: contracts.AwaitingPayment, Version: 2, RequestHash: contracts.RequestHashBest("c", "s", 2, 0)}

// free is the one group with all its seats free.
var free = []admission.GroupState{{Snapshot: seatstate.Snapshot{Loaded: true, Map: seatstate.SeatMap{0}}}}

const good = `{"concertId":"c","seats":["A-1-2","A-1-1"]}`

func code(t *testing.T, r httpapi.Response) string {
	t.Helper()
	var p struct{ Code string }
	if err := json.Unmarshal([]byte(r.Body), &p); err != nil {
		t.Fatalf("%v: %s", err, r.Body)
	}
	return p.Code
}

// An order that can still succeed costs one read of Redis, one read of row and allowance, and one send, in this order. An order
// whose seat is taken costs the read of Redis alone.
func TestCallsPerOrder(t *testing.T) {
	for name, test := range map[string]struct {
		world world
		body  string
		calls []string
		want  int
		code  string
	}{
		"a lag of a minute":           {world: world{lag: time.Minute}, calls: []string{"look", "account", "send"}, want: 202},
		"a longer lag":                {world: world{lag: time.Minute + 1}, calls: []string{"look"}, want: 503, code: "queue_full"},
		"payments behind by a minute": {world: world{payments: time.Minute}, calls: []string{"look", "account", "send"}, want: 202},
		"payments behind by more":     {world: world{payments: time.Minute + 1}, want: 503, code: "payment_busy"},
		"best, payments behind":       {body: best, world: world{payments: 2 * time.Minute}, want: 503, code: "payment_busy"},
		"payments that are not known": {world: world{fail: map[string]bool{"payments": true}}, calls: []string{"look", "account", "send"}, want: 202},
		"not valid, payments behind":  {body: `{"concertId":"c","seats":["X"]}`, world: world{payments: 2 * time.Minute}, want: 422, code: "unknown_seat"},
		"Redis down for a while":      {world: world{down: 29 * time.Second, fail: map[string]bool{"look": true}}, calls: []string{"look", "account", "send"}, want: 202},
		"Redis down for long":         {world: world{down: 30 * time.Second, fail: map[string]bool{"look": true}}, calls: []string{"look"}, want: 503, code: "unavailable"},
		"Redis back after long":       {world: world{down: time.Hour}, calls: []string{"look", "account", "send"}, want: 202},
		"best with Redis down long":   {body: best, world: world{down: 30 * time.Second, fail: map[string]bool{"maps": true}}, calls: []string{"maps"}, want: 503, code: "unavailable"},
		"best available":              {body: best, world: world{maps: free}, calls: []string{"maps", "account", "send"}, want: 202},
		"best of a group not loaded":  {body: best, world: world{maps: []admission.GroupState{{}}}, calls: []string{"maps", "account", "send"}, want: 202},
		"best without an answer":      {body: best, world: world{fail: map[string]bool{"maps": true}}, calls: []string{"maps", "account", "send"}, want: 202},
		"best where none is left":     {body: best, world: world{maps: gone("")}, calls: []string{"maps", "account"}, want: 409, code: "sold_out"},
		"best that took the last":     {body: best, world: world{maps: gone(seatstate.RecordHeld)}, calls: []string{"maps", "account", "send"}, want: 202},
		"best with a row, none left":  {body: best, world: world{maps: gone(""), row: bestRow}, calls: []string{"maps", "account"}, want: 202},
		"best, a row of another body": {body: best, world: world{maps: gone(""), row: &readmodel.Order{RequestHash: "other"}}, calls: []string{"maps", "account"}, want: 422, code: "idempotency_mismatch"},
		"best, none left, no answer":  {body: best, world: world{maps: gone(""), fail: map[string]bool{"account": true}}, calls: []string{"maps", "account", "send"}, want: 202},
		"best of a long queue":        {body: best, world: world{maps: []admission.GroupState{{Snapshot: free[0].Snapshot, Lag: 2 * time.Minute}}}, calls: []string{"maps"}, want: 503, code: "queue_full"},
		"best of an unknown section":  {body: `{"concertId":"c","bestAvailable":{"section":"x","quantity":2}}`, want: 422, code: "unknown_section"},
		"best of too many":            {body: `{"concertId":"c","bestAvailable":{"quantity":5}}`, want: 422, code: "too_many_seats"},
		"best of none":                {body: `{"concertId":"c","bestAvailable":{"quantity":0}}`, want: 400, code: "invalid_request"},
		"best without quantity":       {body: `{"concertId":"c","bestAvailable":{}}`, want: 400, code: "invalid_request"},
		"best of half a seat":         {body: `{"concertId":"c","bestAvailable":{"quantity":1.5}}`, want: 400, code: "invalid_request"},
		"seats and best":              {body: `{"concertId":"c","seats":["A-1-1"],"bestAvailable":{"quantity":1}}`, want: 400, code: "invalid_request"},
		"a new order":                 {calls: []string{"look", "account", "send"}, want: 202},
		"a seat that is taken":        {world: world{taken: []int{1}}, calls: []string{"look"}, want: 409, code: "seat_taken"},
		"a repeat":                    {world: world{row: &readmodel.Order{Status: contracts.Held, Version: 1, RequestHash: contracts.RequestHash("c", []string{"A-1-1", "A-1-2"})}}, calls: []string{"look", "account"}, want: 202},
		"another body":                {world: world{row: &readmodel.Order{RequestHash: "other"}}, calls: []string{"look", "account"}, want: 422, code: "idempotency_mismatch"},
		"Redis does not answer":       {world: world{fail: map[string]bool{"look": true}}, calls: []string{"look", "account", "send"}, want: 202},
		"the row cannot be read":      {world: world{fail: map[string]bool{"account": true}}, calls: []string{"look", "account", "send"}, want: 202},
		"the queue does not answer":   {world: world{fail: map[string]bool{"send": true}}, calls: []string{"look", "account", "send"}, want: 503, code: "unavailable"},
		"the concert cannot be read":  {world: world{fail: map[string]bool{"concert": true}}, want: 503, code: "unavailable"},
		"an order that is not valid":  {body: `{"concertId":"c","seats":["X"]}`, want: 422, code: "unknown_seat"},
		"a body that does not decode": {body: `{`, want: 400, code: "invalid_json"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.body == "" {
				test.body = good
			}
			w := test.world
			response := w.post(t, test.body)
			if response.StatusCode != test.want || !slices.Equal(w.calls, test.calls) {
				t.Errorf("got %d after %v, want %d after %v: %s", response.StatusCode, w.calls, test.want, test.calls, response.Body)
			}
			if test.code != "" && code(t, response) != test.code {
				t.Errorf("got %s", response.Body)
			}
			if wantRetry := test.want == http.StatusAccepted || test.want == http.StatusServiceUnavailable; (response.Headers["Retry-After"] != "") != wantRetry {
				t.Errorf("Retry-After is %q", response.Headers["Retry-After"])
			}
		})
	}
}

func TestEnqueuedMessage(t *testing.T) {
	w := world{}
	response := w.post(t, good)
	if response.Headers["Location"] != "/api/orders/"+string(id) || len(w.sent) != 1 {
		t.Fatalf("got %v, sent %d", response.Headers, len(w.sent))
	}
	m, err := message.Decode(w.sent[0].Body)
	if err != nil {
		t.Fatal(err)
	}
	want := message.PlaceOrder{
		OrderID: id, UserID: "anna", ConcertID: "c", Group: "A", LayoutVersion: 2, Seats: []string{"A-1-2", "A-1-1"},
		RequestHash: contracts.RequestHash("c", []string{"A-1-1", "A-1-2"}), AcceptedAt: 5000, Deadline: 125_000,
	}
	got, ok := m.(message.PlaceOrder)
	if !ok || !slices.Equal(got.Seats, want.Seats) {
		t.Fatalf("got %+v", m)
	}
	got.Seats, want.Seats = nil, nil
	if got.OrderID != want.OrderID || got.RequestHash != want.RequestHash || got.Deadline != want.Deadline || got.UserID != want.UserID || got.LayoutVersion != want.LayoutVersion {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if w.sent[0].Group != "c#A" || w.sent[0].Attributes.Trace != "Root=1-67891233-abcdef012345678912345678" {
		t.Errorf("sent to group %s with trace %q", w.sent[0].Group, w.sent[0].Attributes.Trace)
	}
}
