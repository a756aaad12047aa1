package orders_test

import (
	"encoding/json"
	"testing"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/producers/internal/admission"
	"boxoffice/producers/internal/httpapi"
)

// most is a jitter that draws the upper bound.
type most struct{}

func (most) Int64N(n int64) int64 { return n - 1 }

// wantPace checks the wait of an answer in milliseconds, in member and header; 0 for neither.
func wantPace(t *testing.T, name string, response httpapi.Response, ms int) {
	t.Helper()
	var body struct{ PollAfterMs *int }
	if err := json.Unmarshal([]byte(response.Body), &body); err != nil {
		t.Fatal(err)
	}
	header := response.Headers["Retry-After"]
	if ms == 0 {
		if body.PollAfterMs != nil || header != "" {
			t.Errorf("%s: %d %s, Retry-After %q; want no wait", name, response.StatusCode, response.Body, header)
		}
		return
	}
	if body.PollAfterMs == nil || *body.PollAfterMs != ms || header != httpapi.RetryAfter(ms) {
		t.Errorf("%s: %d %s, Retry-After %q; want %d ms", name, response.StatusCode, response.Body, header, ms)
	}
}

// A client is told to ask again soon only where decisions are known to be fast.
func TestAcceptedOrderSaysWhenToAskAgain(t *testing.T) {
	loaded := seatstate.Snapshot{Loaded: true, Map: seatstate.SeatMap{0}}
	row := func(s contracts.Status) *readmodel.Order {
		return &readmodel.Order{OrderID: id, UserID: "anna", Status: s, Version: 1, RequestHash: contracts.RequestHash("c", []string{"A-1-1", "A-1-2"})}
	}
	for name, test := range map[string]struct {
		body  string
		world world
		ms    int
		// seconds is the estimated wait; -1 for none.
		seconds int
	}{
		"no lag known":                  {world: world{}, ms: 5000, seconds: 5},
		"a lag of nothing":              {world: world{lagKnown: true}, ms: 300, seconds: 0},
		"a lag of 9 s":                  {world: world{lagKnown: true, lag: 9 * time.Second}, ms: 4500, seconds: 9},
		"Redis does not answer":         {world: world{fail: map[string]bool{"look": true}}, ms: 5000, seconds: 5},
		"any seats, no lag known":       {body: best, world: world{maps: []admission.GroupState{{Snapshot: loaded}}}, ms: 5000, seconds: 5},
		"any seats, a lag of 9 s":       {body: best, world: world{maps: []admission.GroupState{{Snapshot: loaded, LagKnown: true, Lag: 9 * time.Second}}}, ms: 4500, seconds: 9},
		"any seats, where the order is": {body: best, world: world{maps: []admission.GroupState{{Snapshot: loaded, LagKnown: true, Order: seatstate.RecordHeld}}}, ms: 300, seconds: 0},
		"any seats, no answer":          {body: best, world: world{fail: map[string]bool{"maps": true}}, ms: 5000, seconds: 5},
		"again, held":                   {world: world{row: row(contracts.Held)}, ms: 1000, seconds: -1},
		"again, awaiting payment":       {world: world{row: row(contracts.AwaitingPayment)}, ms: 3000, seconds: -1},
		"payments behind":               {world: world{payments: 2 * time.Minute}, ms: 15_000, seconds: -1},
		"a long queue":                  {world: world{lagKnown: true, lag: 2 * time.Minute}, ms: 15_000, seconds: -1},
		"Redis down for long":           {world: world{fail: map[string]bool{"look": true}, down: time.Minute}, ms: 5000, seconds: -1},
		"the queue fails":               {world: world{fail: map[string]bool{"send": true}}, ms: 5000, seconds: -1},
		"the concert not read":          {world: world{fail: map[string]bool{"concert": true}}, ms: 5000, seconds: -1},
	} {
		if test.body == "" {
			test.body = good
		}
		response := test.world.post(t, test.body)
		wantPace(t, name, response, test.ms)
		var body struct{ EstimatedWaitSeconds *int }
		if err := json.Unmarshal([]byte(response.Body), &body); err != nil {
			t.Fatal(err)
		}
		if got := body.EstimatedWaitSeconds; got == nil && test.seconds >= 0 || got != nil && *got != test.seconds {
			t.Errorf("%s: %s; want a wait of %d s", name, response.Body, test.seconds)
		}
	}
}
