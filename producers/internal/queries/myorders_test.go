package queries_test

import (
	"context"
	"encoding/base64"
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
	"pgregory.net/rapid"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/contracttest"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/queries"
)

// shelf has the orders of all buyers, and ids that name their owner.
type shelf struct {
	rows []readmodel.Order
	err  error
	// asked has the buyers that were asked about.
	asked []string
	// foreign are rows that the store returns beside the buyer's, which it must not.
	foreign []readmodel.Order
	// catalogue and layouts fail.
	catalogue, layouts error
}

func (s *shelf) OrdersOf(_ context.Context, user string, after readmodel.OrderKey, limit int) ([]readmodel.Order, bool, error) {
	s.asked = append(s.asked, user)
	if s.err != nil {
		return nil, false, s.err
	}
	var mine []readmodel.Order
	for _, row := range s.rows {
		if row.UserID == user && (after.OrderID == "" || row.AcceptedAt < after.AcceptedAt || row.AcceptedAt == after.AcceptedAt && row.OrderID < after.OrderID) {
			mine = append(mine, row)
		}
	}
	slices.SortFunc(mine, func(a, b readmodel.Order) int {
		if a.AcceptedAt != b.AcceptedAt {
			return int(b.AcceptedAt - a.AcceptedAt)
		}
		return strings.Compare(string(b.OrderID), string(a.OrderID))
	})
	more := len(mine) > limit
	return append(mine[:min(limit, len(mine))], s.foreign...), more, nil
}

// Verify accepts the ids that begin with the buyer's name.
func (s *shelf) Verify(user, asked string) (contracts.OrderID, bool) {
	return contracts.OrderID(asked), strings.HasPrefix(asked, user+"-")
}

func (s *shelf) Concert(_ context.Context, id string) (readmodel.Concert, bool, error) {
	return readmodel.Concert{ConcertID: "c", Title: "Nocturne", Artist: "A", City: "Vienna", Venue: "V", TimeZone: "Europe/Vienna", StartsAt: 9000, Description: "long"}, id == "c", s.catalogue
}

func (s *shelf) list(t testing.TB, user, query string) httpapi.Response {
	h := queries.MyOrders{
		Orders: s, Owners: s, Concerts: s, Seatings: seatings{err: s.layouts}, Jitter: most{}, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.UnixMilli(at) },
	}
	router := httpapi.NewRouter(map[string]httpapi.Handler{"GET /api/me/orders": h.Handle}, slog.New(slog.DiscardHandler), time.Now)
	response, err := router.Handle(context.Background(), events.APIGatewayV2HTTPRequest{
		RouteKey: "GET /api/me/orders", RawQueryString: query,
		RequestContext: events.APIGatewayV2HTTPRequestContext{Authorizer: &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
			JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: map[string]string{"sub": user}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return response
}

type page struct {
	Code   string
	Orders []struct {
		OrderID     string
		Status      contracts.Status
		PollAfterMs int
		Concert     *struct{ ID, Title string }
		Tickets     []struct {
			Seat, Row, SectionName string
			SeatNumber             int
		}
	}
	NextCursor string
}

func pageOf(t testing.TB, response httpapi.Response) page {
	var p page
	if err := json.Unmarshal([]byte(response.Body), &p); err != nil {
		t.Fatalf("%v: %s", err, response.Body)
	}
	return p
}

// mine is a row of a buyer in a status with everything in it.
func mine(user string, n int, status contracts.Status) readmodel.Order {
	row := *paid(status)
	row.OrderID, row.UserID, row.LayoutVersion = contracts.OrderID(fmt.Sprintf("%s-%03d", user, n)), user, 1
	row.AcceptedAt = contracts.Instant(1000 + n)
	return row
}

func TestMyOrdersFitTheContractAndHaveNoSecret(t *testing.T) {
	contract := contracttest.New(t)
	s := &shelf{}
	for i, status := range contracts.Statuses()[1:] {
		s.rows = append(s.rows, mine("anna", i, status))
	}
	response := s.list(t, "anna", "")
	if problems := contract.Problems(t, "GET", "/api/me/orders", response); problems != "" {
		t.Errorf("%s: %s", problems, response.Body)
	}
	for _, inside := range []string{clientSecret, "pk_test_1", "pi_1", "evt_1", "payment", "timeline", "long"} {
		if strings.Contains(strings.ReplaceAll(response.Body, "payment_mismatch", ""), `"`+inside) {
			t.Errorf("%s is in %s", inside, response.Body)
		}
	}
	p := pageOf(t, response)
	if len(p.Orders) != len(s.rows) || p.NextCursor != "" || response.Headers["Retry-After"] == "" {
		t.Fatalf("%d orders, cursor %q, Retry-After %q", len(p.Orders), p.NextCursor, response.Headers["Retry-After"])
	}
	for i, o := range p.Orders {
		if want := s.rows[len(s.rows)-1-i]; o.OrderID != string(want.OrderID) || (o.PollAfterMs == 0) != want.Status.Settled() || o.Concert == nil || o.Concert.Title != "Nocturne" {
			t.Errorf("order %d is %+v, want %s", i, o, want.OrderID)
		}
		if o.Status == contracts.Confirmed && (len(o.Tickets) != 2 || o.Tickets[1].Row != "A" || o.Tickets[1].SeatNumber != 2 || o.Tickets[1].SectionName != "stalls") {
			t.Errorf("tickets %+v", o.Tickets)
		}
	}
}

// An order is shown without what cannot be read beside it.
func TestMyOrdersWithoutCatalogue(t *testing.T) {
	contract := contracttest.New(t)
	s := &shelf{rows: []readmodel.Order{mine("anna", 1, contracts.Confirmed)}, catalogue: errors.New("broken"), layouts: errors.New("broken")}
	response := s.list(t, "anna", "")
	if p := pageOf(t, response); response.StatusCode != 200 || len(p.Orders) != 1 || len(p.Orders[0].Tickets) != 2 || p.Orders[0].Tickets[0].SeatNumber != 0 || response.Headers["Retry-After"] != "" {
		t.Errorf("got %d %s", response.StatusCode, response.Body)
	}
	if problems := contract.Problems(t, "GET", "/api/me/orders", response); problems != "" {
		t.Error(problems)
	}
	s.err = errors.New("broken")
	if response := s.list(t, "anna", ""); response.StatusCode != 503 || response.Headers["Retry-After"] == "" || pageOf(t, response).Code != "unavailable" {
		t.Errorf("got %d %s", response.StatusCode, response.Body)
	}
	if response := (&shelf{}).list(t, "anna", ""); response.Body != `{"orders":[]}` {
		t.Errorf("without orders: %s", response.Body)
	}
}

// Whatever the limit, the pages together are exactly the buyer's orders, each once, the newest first, also where several were
// accepted in the same millisecond.
func TestMyOrdersPageToTheEnd(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := &shelf{}
		for n := range rapid.IntRange(0, 30).Draw(r, "orders") {
			row := mine(rapid.SampledFrom([]string{"anna", "ben"}).Draw(r, "buyer"), n, contracts.Expired)
			row.AcceptedAt = contracts.Instant(rapid.IntRange(1, 8).Draw(r, "at"))
			s.rows = append(s.rows, row)
		}
		limit := rapid.IntRange(1, 9).Draw(r, "limit")
		var got []string
		for query := fmt.Sprintf("limit=%d", limit); ; {
			p := pageOf(t, s.list(t, "anna", query))
			for _, o := range p.Orders {
				got = append(got, o.OrderID)
			}
			if p.NextCursor == "" {
				break
			}
			if len(p.Orders) != limit {
				r.Fatalf("a page of %d orders is not the last", len(p.Orders))
			}
			query = fmt.Sprintf("limit=%d&cursor=%s", limit, p.NextCursor)
		}
		var want []string
		rows, _, _ := s.OrdersOf(context.Background(), "anna", readmodel.OrderKey{}, 100)
		for _, row := range rows {
			want = append(want, string(row.OrderID))
		}
		if !slices.Equal(got, want) {
			r.Fatalf("got %v, want %v", got, want)
		}
	})
}

// While orders arrive between two pages, the pages have every order that was there at first exactly once, also when there are many.
func TestMyOrdersPageToTheEndWhileOrdersArrive(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := &shelf{}
		add := func(user string) readmodel.Order {
			row := mine(user, len(s.rows), contracts.Expired)
			row.AcceptedAt = contracts.Instant(1000 + len(s.rows)/3) // some in the same millisecond
			s.rows = append(s.rows, row)
			return row
		}
		was := map[string]bool{}
		for range rapid.SampledFrom([]int{0, 1, 20, 21, 250}).Draw(r, "orders") {
			was[string(add("anna").OrderID)] = true
		}
		limit := rapid.SampledFrom([]int{9, 20, 100}).Draw(r, "limit")
		shown, last := map[string]bool{}, ""
		for query := fmt.Sprintf("limit=%d", limit); ; {
			p := pageOf(t, s.list(t, "anna", query))
			for _, o := range p.Orders {
				if shown[o.OrderID] || last != "" && o.OrderID > last {
					r.Fatalf("%s comes twice, or after the older %s", o.OrderID, last)
				}
				shown[o.OrderID], last = true, o.OrderID
				delete(was, o.OrderID)
			}
			if p.NextCursor == "" {
				break
			}
			for range rapid.IntRange(0, 3).Draw(r, "arrive") {
				add(rapid.SampledFrom([]string{"anna", "ben"}).Draw(r, "of"))
			}
			query = fmt.Sprintf("limit=%d&cursor=%s", limit, p.NextCursor)
		}
		if len(was) > 0 {
			r.Fatalf("%d orders that were there are on no page", len(was))
		}
	})
}

// A row of another buyer is not shown, even if the index names it.
func TestMyOrdersAreMine(t *testing.T) {
	s := &shelf{rows: []readmodel.Order{mine("anna", 1, contracts.Confirmed), mine("ben", 2, contracts.Confirmed)}, foreign: []readmodel.Order{mine("ben", 3, contracts.Confirmed)}}
	if p := pageOf(t, s.list(t, "anna", "")); len(p.Orders) != 1 || p.Orders[0].OrderID != "anna-001" || !slices.Equal(s.asked, []string{"anna"}) {
		t.Errorf("got %+v, asked about %v", p, s.asked)
	}
	if response := s.list(t, "", ""); response.StatusCode != 401 {
		t.Errorf("without a user: %d %s", response.StatusCode, response.Body)
	}
}

func TestMyOrdersRefuseWhatCannotBeRead(t *testing.T) {
	contract := contracttest.New(t)
	s := &shelf{rows: []readmodel.Order{mine("anna", 1, contracts.Expired), mine("anna", 2, contracts.Expired), mine("ben", 3, contracts.Expired), mine("ben", 4, contracts.Expired)}}
	mineNext, bens := pageOf(t, s.list(t, "anna", "limit=1")).NextCursor, pageOf(t, s.list(t, "ben", "limit=1")).NextCursor
	if mineNext == "" || bens == "" || mineNext == bens {
		t.Fatalf("cursors %q and %q", mineNext, bens)
	}
	made := func(list string, position any) string {
		switch k := position.(type) {
		case foreignCursor:
			return httpapi.Cursors[foreignCursor]{List: list}.Encode(k)
		default:
			return httpapi.Cursors[string]{List: list}.Encode(fmt.Sprint(k))
		}
	}
	for query, code := range map[string]string{
		"limit=0": "invalid_limit", "limit=101": "invalid_limit", "limit=-1": "invalid_limit", "limit=1.5": "invalid_limit", "limit=": "invalid_limit",
		"limit=9999999999999999999": "invalid_limit", "limit=01": "invalid_limit", "limit=%F0%9F%8E%BB": "invalid_limit",
		"cursor=": "invalid_cursor", "cursor=x": "invalid_cursor", "cursor=%00": "invalid_cursor", "cursor=" + bens: "invalid_cursor",
		"cursor=" + mineNext[:len(mineNext)-1]: "invalid_cursor", "cursor=" + mineNext + "A": "invalid_cursor", "cursor=" + strings.Repeat("A", 6000): "invalid_cursor",
		"cursor=" + base64.RawURLEncoding.EncodeToString(make([]byte, 40)): "invalid_cursor",
		"cursor=" + made("orders of anna", foreignCursor{1003, "ben-003"}): "invalid_cursor",
		"cursor=" + made("orders of anna", foreignCursor{-1, "anna-001"}):  "invalid_cursor",
		"cursor=" + made("orders of anna", foreignCursor{7, ""}):           "invalid_cursor",
		"cursor=" + made("concerts", foreignCursor{1002, "anna-002"}):      "invalid_cursor",
		"cursor=" + made("orders of anna", "text"):                         "invalid_cursor",
		"limit=1&limit=1": "invalid_filter", "limit=%zz": "invalid_filter", "limit=1;cursor=x": "invalid_filter", "status=HELD": "invalid_filter", "userId=ben": "invalid_filter", "%FF=1": "invalid_filter",
	} {
		s.asked = nil
		response := s.list(t, "anna", query)
		if p := pageOf(t, response); response.StatusCode != 400 || p.Code != code || s.asked != nil {
			t.Errorf("%.80s: got %d %s, want %s", query, response.StatusCode, response.Body, code)
		}
		if _, err := url.ParseQuery(query); err == nil {
			if problems := contract.Problems(t, "GET", "/api/me/orders", response); problems != "" {
				t.Errorf("%.80s: %s", query, problems)
			}
		}
	}
	if p := pageOf(t, s.list(t, "anna", "limit=100&cursor="+mineNext)); len(p.Orders) != 1 || p.Orders[0].OrderID != "anna-001" {
		t.Errorf("the buyer's own cursor leads to %+v", p)
	}
}

// foreignCursor has the form of the cursors of orders.
type foreignCursor struct {
	AcceptedAt contracts.Instant `json:"a"`
	OrderID    string            `json:"i"`
}
