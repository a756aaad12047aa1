package operations_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/contracttest"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/operations"
)

const now = contracts.Instant(1_900_000_000_000)

// store has an overview, seats and letters, the newest first.
type store struct {
	overview *readmodel.Overview
	seats    map[string]readmodel.ConcertSeats
	letters  []readmodel.DeadLetter
	// asked are the concerts whose seats were read.
	asked         []string
	err, seatsErr error
}

func (s *store) Overview(context.Context) (readmodel.Overview, bool, error) {
	if s.overview == nil || s.err != nil {
		return readmodel.Overview{}, false, s.err
	}
	return *s.overview, true, nil
}

func (s *store) ConcertSeats(_ context.Context, ids []string) (map[string]readmodel.ConcertSeats, error) {
	s.asked = ids
	return s.seats, s.seatsErr
}

func (s *store) DeadLetters(_ context.Context, after readmodel.LetterKey, limit int) (letters []readmodel.DeadLetter, last readmodel.LetterKey, more bool, err error) {
	if s.err != nil {
		return nil, last, false, s.err
	}
	for i, letter := range s.letters {
		if after.MessageKey != "" && (letter.ListedAt > after.ListedAt || letter.ListedAt == after.ListedAt && letter.MessageKey >= after.MessageKey) {
			continue
		}
		letters, last = append(letters, letter), readmodel.LetterKey{List: readmodel.ListLetters, ListedAt: letter.ListedAt, MessageKey: letter.MessageKey}
		if len(letters) == limit {
			return letters, last, i+1 < len(s.letters), nil
		}
	}
	return letters, last, false, nil
}

// get asks a route with the claims of a token; nil is no token.
func (s *store) get(t testing.TB, route, query string, claims map[string]string) httpapi.Response {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	router := httpapi.NewRouter(map[string]httpapi.Handler{
		"GET /api/ops/overview":     operations.Overview{Reader: s, Log: log, Now: now.Time}.Handle,
		"GET /api/ops/dead-letters": operations.DeadLetters{Reader: s, Log: log}.Handle,
	}, log, time.Now)
	request := events.APIGatewayV2HTTPRequest{RouteKey: "GET /api/ops/" + route, RawPath: "/api/ops/" + route, RawQueryString: query}
	if claims != nil {
		request.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
			JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: claims},
		}
	}
	response, err := router.Handle(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

var operator = map[string]string{"sub": "olga", "scope": "buyer operator"}

func code(t testing.TB, r httpapi.Response) string {
	t.Helper()
	var p struct{ Code string }
	if err := json.Unmarshal([]byte(r.Body), &p); err != nil {
		t.Fatalf("%v: %s", err, r.Body)
	}
	return p.Code
}

func pointer[T any](v T) *T { return &v }

func sample() *store {
	return &store{
		overview: &readmodel.Overview{
			Form: 1, At: now - 20_000,
			Queues: []readmodel.QueueState{
				{Name: "orders", Visible: pointer(2), InFlight: pointer(1), Delayed: pointer(0), LagMs: pointer(int64(350)), DeadLetters: pointer(1), History: []readmodel.QueuePoint{{At: now - 20_000, Visible: 2}}},
				{Name: "payments"},
			},
			Orders:   readmodel.OrderCounts{Open: map[contracts.Status]int{contracts.Held: 0, contracts.AwaitingPayment: 3}, OpenAt: now - 21_000, Settled: map[contracts.Status]int{contracts.Confirmed: 7}, SettledSince: 5},
			Concerts: []readmodel.ConcertTotals{{ConcertID: "c", Sale: readmodel.SaleOpen, At: now - 22_000, Groups: 2, Known: 1, Free: 3, Held: 2, Sold: 1}, {ConcertID: "d", Sale: readmodel.SaleScheduled, Groups: 1}},
			LeftOut:  1, Breakers: []readmodel.OpenBreaker{{Name: "redis", Since: 9}},
			Alarms: []readmodel.RaisedAlarm{{Name: "dead-letters", Since: 20, Value: 1}, {Name: "breaker-open", Since: 9, Value: 1}}, Unchecked: []string{"mirror-late"},
		},
		seats: map[string]readmodel.ConcertSeats{"c": {ConcertID: "c", Groups: []readmodel.GroupSeats{
			{Group: "A", Section: "s", Tier: "t", At: now - 22_000, State: readmodel.GroupReady, Free: 3, Held: 2, Sold: 1, LagMs: pointer(int64(40))},
			{Group: "B", Section: "s", Tier: "t", At: now - 22_000, State: readmodel.GroupLoading},
		}}},
	}
}

func TestOverviewFitsTheContract(t *testing.T) {
	contract := contracttest.New(t)
	for name, s := range map[string]*store{"full": sample(), "empty": {overview: &readmodel.Overview{Form: 1, At: now}}} {
		r := s.get(t, "overview", "", operator)
		if problems := contract.Problems(t, "GET", "/api/ops/overview", r); r.StatusCode != 200 || problems != "" || r.Headers["Cache-Control"] != "no-store" {
			t.Errorf("%s: %d %v %s: %s", name, r.StatusCode, r.Headers, problems, r.Body)
		}
	}
	var v struct {
		Stale  bool
		Orders map[string]int
		Queues []struct {
			Name        string
			LagSeconds  *float64
			Visible     *int
			DeadLetters *int
		}
		Concerts []struct {
			Free   int
			Groups []struct {
				Group, State string
				Free         *int
			}
		}
		Alarms []struct{ Name string }
	}
	if err := json.Unmarshal([]byte(sample().get(t, "overview", "", operator).Body), &v); err != nil {
		t.Fatal(err)
	}
	if v.Stale || fmt.Sprint(v.Orders) != "map[AWAITING_PAYMENT:3 CONFIRMED:7 HELD:0]" || *v.Queues[0].LagSeconds != 0.35 || v.Queues[1].Visible != nil {
		t.Errorf("view %+v", v)
	}
	if c := v.Concerts[0]; *c.Groups[0].Free != 3 || c.Groups[1].Free != nil || c.Groups[1].State != "loading" || v.Alarms[0].Name != "breaker-open" {
		t.Errorf("concert %+v, alarms %+v", c, v.Alarms)
	}
}

func TestOverviewSaysWhatItDoesNotKnow(t *testing.T) {
	s := sample()
	s.overview.At = now - contracts.Instant(readmodel.MaxOverviewAge.Milliseconds()) - 1
	s.seatsErr = errors.New("throttled")
	r := s.get(t, "overview", "", operator)
	if !strings.Contains(r.Body, `"stale":true`) || !strings.Contains(r.Body, `"missing":["seats"]`) || !strings.Contains(r.Body, `"free":3`) {
		t.Errorf("%d %s", r.StatusCode, r.Body)
	}
	contract := contracttest.New(t)
	for _, s := range []*store{{}, {err: errors.New("later form"), overview: s.overview}} {
		r := s.get(t, "overview", "", operator)
		if r.StatusCode != 503 || code(t, r) != httpapi.CodeUnavailable || r.Headers["Retry-After"] == "" || contract.Problems(t, "GET", "/api/ops/overview", r) != "" || strings.Contains(r.Body, "later form") {
			t.Errorf("%d %s", r.StatusCode, r.Body)
		}
	}
}

// An answer has the groups of as many concerts as fit, and the totals of all.
func TestOverviewIsBounded(t *testing.T) {
	s := &store{overview: &readmodel.Overview{Form: 1, At: now}, seats: map[string]readmodel.ConcertSeats{}}
	for i := range readmodel.MaxOverviewConcerts {
		id := fmt.Sprintf("%040d", i)
		s.overview.Concerts = append(s.overview.Concerts, readmodel.ConcertTotals{ConcertID: id, Groups: readmodel.MaxConcertGroups, Known: 1})
		seats := readmodel.ConcertSeats{ConcertID: id}
		for g := range readmodel.MaxConcertGroups {
			seats.Groups = append(seats.Groups, readmodel.GroupSeats{Group: fmt.Sprintf("%032d", g), Section: strings.Repeat("s", 32), Tier: strings.Repeat("t", 32), At: now, State: readmodel.GroupReady, Free: 300, LagMs: pointer(int64(86_400_000))})
		}
		s.seats[id] = seats
		if i >= 6 {
			delete(s.seats, id) // as the store returns none that was not asked for
		}
	}
	r := s.get(t, "overview", "", operator)
	if len(s.asked) != 6 || r.StatusCode != 200 || len(r.Body) > 5<<20 {
		t.Errorf("%d concerts are read, %d bytes", len(s.asked), len(r.Body))
	}
	t.Logf("9,000 groups are %d KB", len(r.Body)>>10)
}

// Nobody but an operator sees anything, whatever form the claim has.
func TestOnlyAnOperatorIsAnswered(t *testing.T) {
	s := sample()
	contract := contracttest.New(t)
	for _, route := range []string{"overview", "dead-letters"} {
		for claim, want := range map[string]int{
			"operator": 200, "buyer operator": 200, "[operator]": 200, "[buyer operator]": 200, "": 403, "buyer": 403, "[buyer]": 403, "operators": 403,
			"Operator": 403, "[operator": 403, "buyer,operator": 403, "[]": 403, "no-operator": 403,
		} {
			r := s.get(t, route, "", map[string]string{"sub": "olga", "scope": claim})
			if r.StatusCode != want || want == 403 && code(t, r) != httpapi.CodeForbidden || contract.Problems(t, "GET", "/api/ops/"+route, r) != "" {
				t.Errorf("%s with %q: %d %s", route, claim, r.StatusCode, r.Body)
			}
		}
		for name, claims := range map[string]map[string]string{"no token": nil, "no user": {"scope": "operator"}, "no scope": {"sub": "olga"}, "scp": {"sub": "olga", "scp": "operator"}} {
			r := s.get(t, route, "", claims)
			want := 401
			if name == "no scope" || name == "scp" {
				want = 403
			}
			if r.StatusCode != want || strings.Contains(r.Body, "orders") {
				t.Errorf("%s, %s: %d %s", route, name, r.StatusCode, r.Body)
			}
		}
	}
}

func letters(n int) (all []readmodel.DeadLetter) {
	for i := range n {
		// Three of an instant, so that a page ends among equals.
		all = append(all, readmodel.DeadLetter{MessageKey: readmodel.DrainedKey(fmt.Sprintf("m-%03d", i)), Queue: "orders-dead", At: contracts.Instant(1000 + i/3)}.Fitted())
	}
	slices.SortFunc(all, func(a, b readmodel.DeadLetter) int {
		return strings.Compare(b.ListedAt+b.MessageKey, a.ListedAt+a.MessageKey)
	})
	return all
}

type page struct {
	DeadLetters []struct{ MessageID, Type, Queue, Kind, OrderID, Reason string }
	NextCursor  string
}

func TestDeadLettersArePagedToTheEnd(t *testing.T) {
	s := &store{letters: letters(25)}
	for _, limit := range []int{1, 7, 25, 100} {
		var got []string
		for query := fmt.Sprintf("limit=%d", limit); query != ""; {
			var p page
			r := s.get(t, "dead-letters", query, operator)
			if err := json.Unmarshal([]byte(r.Body), &p); err != nil || r.StatusCode != 200 || len(p.DeadLetters) > limit {
				t.Fatalf("%d %s", r.StatusCode, r.Body)
			}
			for _, letter := range p.DeadLetters {
				got = append(got, letter.MessageID)
			}
			if query = ""; p.NextCursor != "" {
				query = fmt.Sprintf("limit=%d&cursor=%s", limit, url.QueryEscape(p.NextCursor))
			}
		}
		if len(got) != 25 || !slices.IsSortedFunc(got, func(a, b string) int { return strings.Compare(b, a) }) || got[0] != "m-024" {
			t.Errorf("limit %d: %v", limit, got)
		}
	}
	if r := (&store{}).get(t, "dead-letters", "", operator); r.Body != `{"deadLetters":[]}` {
		t.Errorf("without letters: %s", r.Body)
	}
}

func TestDeadLettersRefuseWhatTheyCannotRead(t *testing.T) {
	s := &store{letters: letters(3)}
	type position struct {
		A string `json:"a"`
		K string `json:"k"`
	}
	forged := func(list string, p position) string { return httpapi.Cursors[position]{List: list}.Encode(p) }
	good := position{A: s.letters[0].ListedAt, K: s.letters[0].MessageKey}
	for query, want := range map[string]string{
		"limit=0": "invalid_limit", "limit=101": "invalid_limit", "limit=": "invalid_limit", "limit=1.0": "invalid_limit", "x=1": "invalid_filter",
		"limit=1&limit=2": "invalid_filter", "cursor=%zz": "invalid_filter", "cursor=": "invalid_cursor", "cursor=%00": "invalid_cursor", "cursor=abc": "invalid_cursor",
		"cursor=" + forged("orders of olga", good):                                 "invalid_cursor",
		"cursor=" + forged("dead letters", position{A: "x", K: good.K}):            "invalid_cursor",
		"cursor=" + forged("dead letters", position{A: good.A, K: "attempts#m-1"}): "invalid_cursor",
		"cursor=" + forged("dead letters", position{A: good.A}):                    "invalid_cursor",
	} {
		if r := s.get(t, "dead-letters", query, operator); r.StatusCode != 400 || code(t, r) != want {
			t.Errorf("%s: %d %s, want %s", query, r.StatusCode, r.Body, want)
		}
	}
	if r := s.get(t, "dead-letters", "cursor="+forged("dead letters", good), operator); r.StatusCode != 200 {
		t.Errorf("a cursor of ours: %s", r.Body)
	}
	if r := s.get(t, "overview", "limit=1", operator); r.StatusCode != 400 || code(t, r) != "invalid_filter" {
		t.Errorf("overview: %s", r.Body)
	}
	s.err = errors.New("throttled")
	if r := s.get(t, "dead-letters", "", operator); r.StatusCode != 503 || code(t, r) != httpapi.CodeUnavailable {
		t.Errorf("while the table is down: %s", r.Body)
	}
}

// Nothing that a sender of a message could have written freely is shown.
func TestLettersShowNoTextOfOthers(t *testing.T) {
	const order = "e1k3v9q2m8x7r4t6w0z5y1p3n8b7c2d4"
	canary := "anna@example.org"
	s := &store{letters: []readmodel.DeadLetter{
		{MessageKey: "message#m-1", Queue: "orders-dead", Kind: "PlaceOrder", OrderID: order, Reason: "malformed", Body: canary, Attributes: map[string]string{"userId": canary}, At: now, SeatGroup: canary},
		{MessageKey: "event#" + order + "#3", Kind: "OrderConfirmed", OrderID: order, Reason: "event_refused", Body: canary, At: now},
		{MessageKey: "stream#m-2", Queue: "stream-failures", Reason: "RetryAttemptsExhausted", Body: canary, At: now},
		{MessageKey: "message#m-3", Queue: "orders-dead", Kind: canary, OrderID: contracts.OrderID(canary), Reason: canary, At: now},
	}}
	r := s.get(t, "dead-letters", "", operator)
	if problems := contracttest.New(t).Problems(t, "GET", "/api/ops/dead-letters", r); problems != "" || strings.Contains(r.Body, "anna") {
		t.Errorf("%s: %s", problems, r.Body)
	}
	var p page
	if err := json.Unmarshal([]byte(r.Body), &p); err != nil {
		t.Fatal(err)
	}
	want := `[{m-1 message orders-dead PlaceOrder ` + order + ` malformed} {` + order + `#3 event  OrderConfirmed ` + order + ` event_refused} ` +
		`{m-2 stream stream-failures   RetryAttemptsExhausted} {m-3 message orders-dead   }]`
	if got := fmt.Sprint(p.DeadLetters); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
