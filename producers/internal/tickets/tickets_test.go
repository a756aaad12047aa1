package tickets_test

import (
	"bytes"
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
	_ "time/tzdata" // the test must not depend on the system's zones

	ics "github.com/arran4/golang-ical"
	"github.com/aws/aws-lambda-go/events"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/ticketcode"
	"boxoffice/producers/internal/admission"
	"boxoffice/producers/internal/contracttest"
	"boxoffice/producers/internal/httpapi"
	"boxoffice/producers/internal/tickets"
)

var now = time.Date(2030, 6, 1, 12, 0, 0, 0, time.UTC)

// shelf is all stores in memory. Ids begin with the name of their owner.
type shelf struct {
	rows                                 []readmodel.Order
	concert                              readmodel.Concert
	people                               map[string]readmodel.Person
	revocations                          []readmodel.Revocation
	orders, catalogue, layouts, accounts error
	noLayout                             bool
	reads, lists                         int
	log                                  bytes.Buffer
}

func newShelf(rows ...readmodel.Order) *shelf {
	return &shelf{
		rows:   rows,
		people: map[string]readmodel.Person{"anna": {Name: "Anna Müller", Locale: "en"}},
		concert: readmodel.Concert{
			ConcertID: "c", Title: "Nocturne", Artist: "The Ensemble", City: "Vienna", Venue: "Theatre", TimeZone: "Europe/Vienna",
			StartsAt: contracts.InstantOf(time.Date(2030, 9, 14, 18, 0, 0, 0, time.UTC)), LayoutVersion: 1, LayoutFrozen: 1,
		},
	}
}

func (s *shelf) Order(_ context.Context, id contracts.OrderID) (readmodel.Order, bool, error) {
	i := slices.IndexFunc(s.rows, func(r readmodel.Order) bool { return r.OrderID == id })
	if i < 0 || s.orders != nil {
		return readmodel.Order{}, false, s.orders
	}
	return s.rows[i], true, nil
}

func (s *shelf) OrdersOf(_ context.Context, user string, after readmodel.OrderKey, limit int) ([]readmodel.Order, bool, error) {
	s.reads++
	var mine []readmodel.Order
	for _, row := range s.rows {
		if (row.UserID == user || row.UserID == "foreign") && (after.OrderID == "" || row.AcceptedAt < after.AcceptedAt) {
			mine = append(mine, row)
		}
	}
	slices.SortFunc(mine, func(a, b readmodel.Order) int { return int(b.AcceptedAt - a.AcceptedAt) })
	return mine[:min(limit, len(mine))], len(mine) > limit, s.orders
}

func (s *shelf) Verify(user, id string) (contracts.OrderID, bool) {
	return contracts.OrderID(id), strings.HasPrefix(id, user+"-")
}

func (s *shelf) Concert(_ context.Context, id string) (readmodel.Concert, bool, error) {
	return s.concert, id == s.concert.ConcertID && s.catalogue == nil, s.catalogue
}

func (s *shelf) Seating(context.Context, string, int, bool) (*admission.Seating, bool, error) {
	row := func(name string, seats ...string) readmodel.LayoutRow {
		return readmodel.LayoutRow{Name: name, Seats: seats}
	}
	group := func(name, kind string, rows ...readmodel.LayoutRow) readmodel.LayoutGroup {
		g := readmodel.LayoutGroup{Group: name, Section: "section-" + name, Kind: kind, Rows: rows}
		for _, r := range rows {
			g.Seats = append(g.Seats, r.Seats...)
		}
		return g
	}
	return admission.NewSeating([]readmodel.LayoutGroup{
		group("A", readmodel.KindSeats, row("1", "A-1-1", "A-1-2", "A-1-3"), row("2", "A-2-1", "A-2-2", "A-2-3")),
		group("F", readmodel.KindArea, row("floor", "F-0001", "F-0002")),
	}), !s.noLayout && s.layouts == nil, s.layouts
}

func (s *shelf) Person(_ context.Context, user string) (readmodel.Person, bool, error) {
	p, found := s.people[user]
	return p, found, s.accounts
}

func (s *shelf) Revocations(context.Context, string, int) ([]readmodel.Revocation, error) {
	s.lists++
	return s.revocations, s.orders
}

func keys() ticketcode.Set { return ticketcode.FirstKey(bytes.Repeat([]byte{9}, 32)) }

func (s *shelf) handler() tickets.Tickets {
	return tickets.Tickets{
		Orders: s, Owners: s, Catalogue: s, People: s, Keys: keys(), SiteURL: "https://boxoffice.example",
		Log: slog.New(slog.NewJSONHandler(&s.log, nil)), Now: func() time.Time { return now },
	}
}

// order is the n-th order of a buyer.
func order(user string, n int, status contracts.Status, seats ...string) readmodel.Order {
	group, _, _ := strings.Cut(append(seats, "A-1-1")[0], "-")
	return readmodel.Order{
		OrderID: contracts.OrderID(fmt.Sprintf("%s-%03d", user, n)), UserID: user, ConcertID: "c", Group: group, LayoutVersion: 1, Seats: seats, Status: status, Version: 4,
		AcceptedAt: contracts.Instant(1000 + n), History: []readmodel.HistoryEntry{{Status: status, Version: 4, At: 5000}},
	}
}

func (s *shelf) get(t testing.TB, handle httpapi.Handler, route, user, path, query, language string) httpapi.Response {
	t.Helper()
	event := events.APIGatewayV2HTTPRequest{RouteKey: "GET " + route, RawPath: path, RawQueryString: query, Headers: map[string]string{"accept-language": language}, PathParameters: map[string]string{}}
	event.RequestContext.HTTP.Method = "GET"
	want, got := strings.Split(route, "/"), strings.Split(path, "/")
	for i, part := range want {
		if strings.HasPrefix(part, "{") {
			event.PathParameters[strings.Trim(part, "{}")] = got[i]
		}
	}
	if user != "" {
		event.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: map[string]string{"sub": user}}}
	}
	response, err := httpapi.NewRouter(map[string]httpapi.Handler{"GET " + route: handle}, slog.New(slog.NewJSONHandler(&s.log, nil)), func() time.Time { return now }).Handle(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

var parsed *contracttest.Contract

// contract parses the contract once: that takes a second.
func contract(t testing.TB) *contracttest.Contract {
	t.Helper()
	if parsed == nil {
		parsed = contracttest.New(t)
	}
	return parsed
}

type listed struct {
	Tickets []struct {
		ID, OrderID, ConcertID, Seat, Status, SectionName, Row, QR string
		SeatNumber                                                 int
		Concert                                                    map[string]any
	}
	NextCursor string
}

func (s *shelf) list(t testing.TB, user, query string) (l listed) {
	t.Helper()
	r := s.get(t, s.handler().List, "/api/me/tickets", user, "/api/me/tickets", query, "")
	if problems := contract(t).Problems(t, "GET", "/api/me/tickets", r); problems != "" {
		t.Errorf("%d violates the contract: %s: %s", r.StatusCode, problems, r.Body)
	}
	if r.StatusCode != 200 || r.Headers["Cache-Control"] != "no-store" || json.Unmarshal([]byte(r.Body), &l) != nil {
		t.Fatalf("%d %v %s", r.StatusCode, r.Headers, r.Body)
	}
	return l
}

// Each valid ticket has a code that a gate accepts for its own seat and its key number, and no other ticket has one.
func TestListOfTickets(t *testing.T) {
	rekeyed := order("anna", 2, contracts.Confirmed, "A-2-2", "A-2-3")
	rekeyed.KeyNumbers = map[string]int{"A-2-3": 2}
	s := newShelf(
		order("anna", 1, contracts.Confirmed, "F-0002"), rekeyed, order("anna", 3, contracts.Refunded, "A-1-1"),
		order("anna", 4, contracts.Committed, "A-1-1"), order("anna", 5, contracts.Held, "A-1-2"), order("anna", 6, contracts.Revoked, "A-1-3"),
		order("ben", 7, contracts.Confirmed, "A-1-1"), order("foreign", 8, contracts.Confirmed, "A-1-2"),
	)
	l := s.list(t, "anna", "")
	var got []string
	for _, ticket := range l.Tickets {
		got = append(got, fmt.Sprint(ticket.Seat, " ", ticket.Status, " ", ticket.SectionName, " ", ticket.Row, " ", ticket.SeatNumber, " ", ticket.QR != ""))
		if ticket.Concert["title"] != "Nocturne" || ticket.ConcertID != "c" {
			t.Errorf("%+v", ticket)
		}
	}
	if want := []string{
		"A-1-1 REFUNDED section-A 1 1 false", "A-2-2 VALID section-A 2 2 true", "A-2-3 VALID section-A 2 3 true", "F-0002 VALID section-F floor 2 true",
	}; !slices.Equal(got, want) || l.NextCursor != "" {
		t.Fatalf("listed %q, want %q; %s", got, want, l.NextCursor)
	}
	for i, want := range []struct {
		seat  ticketcode.Seat
		order contracts.OrderID
		key   int
	}{{ticketcode.Seat{Group: 0, Place: 4}, "anna-002", 0}, {ticketcode.Seat{Group: 0, Place: 5}, "anna-002", 2}, {ticketcode.Seat{Group: 1, Place: 1}, "anna-001", 0}} {
		ticket := l.Tickets[i+1]
		signed, err := ticketcode.Decode(ticket.QR)
		if err != nil || signed.Verify(keys()[0].Public, "c") != nil || signed.Seat != want.seat || ticket.ID != string(contracts.TicketIDOf(want.order, ticket.Seat)) ||
			signed.Code != ticketcode.CodeOf(contracts.TicketID(ticket.ID), want.key) {
			t.Errorf("ticket %d: %+v, %v", i, signed, err)
		}
	}
}

// Whatever the size of a page, its pages together have every ticket once, in one order, and end.
func TestPagesOfTickets(t *testing.T) {
	s, all := newShelf(), 0
	for n := range 260 {
		row := order("anna", n, contracts.Rejected)
		// Neighbours of one, two and three tickets: a page ends at every place of an order, also where the next one follows at once.
		if seats := n % 7; seats < 3 {
			row = order("anna", n, contracts.Confirmed, []string{"A-1-1", "A-1-2", "A-2-1"}[:seats+1]...)
			all += seats + 1
		}
		s.rows = append(s.rows, row)
	}
	whole := []string{}
	limits := []int{100}
	for limit := range 20 {
		limits = append(limits, limit+1)
	}
	for _, limit := range limits {
		var got []string
		query := ""
		for pages := 0; ; pages++ {
			l := s.list(t, "anna", fmt.Sprintf("limit=%d%s", limit, query))
			if len(l.Tickets) > limit || pages > 400 {
				t.Fatalf("page %d of %d has %d tickets", pages, limit, len(l.Tickets))
			}
			for _, ticket := range l.Tickets {
				got = append(got, ticket.ID)
			}
			if l.NextCursor == "" {
				break
			}
			query = "&cursor=" + url.QueryEscape(l.NextCursor)
		}
		if limit == 100 {
			whole = got
		}
		unique := slices.Compact(slices.Sorted(slices.Values(got)))
		if len(got) != all || len(unique) != len(got) || !slices.Equal(got, whole) {
			t.Errorf("pages of %d have %d of %d tickets, %d of them different", limit, len(got), all, len(unique))
		}
	}
}

// A buyer with thousands of orders without a ticket costs each request a bounded number of reads, and gets to the end.
func TestOrdersWithoutTicketsArePassedOver(t *testing.T) {
	s := newShelf(order("anna", 0, contracts.Confirmed, "A-1-1"))
	for n := range 500 {
		s.rows = append(s.rows, order("anna", n+1, contracts.Rejected))
	}
	l, pages := s.list(t, "anna", ""), 1
	for ; l.NextCursor != ""; pages++ {
		if s.reads > 4*pages || len(l.Tickets) != 0 {
			t.Fatalf("%d reads for %d pages, %d tickets", s.reads, pages, len(l.Tickets))
		}
		l = s.list(t, "anna", "cursor="+url.QueryEscape(l.NextCursor))
	}
	if len(l.Tickets) != 1 || pages != 3 {
		t.Errorf("%d tickets at page %d", len(l.Tickets), pages)
	}
}

func TestCursorsOfOthersAreRefused(t *testing.T) {
	s := newShelf()
	for n := range 3 {
		s.rows = append(s.rows, order("anna", n, contracts.Confirmed, "A-1-1", "A-1-2"), order("ben", n, contracts.Confirmed, "A-2-1"))
	}
	cursor := s.list(t, "anna", "limit=1").NextCursor
	forged := httpapi.Cursors[position]{List: "tickets of ben"}.Encode(position{A: 1001, I: "anna-001", N: 1})
	for user, queries := range map[string][]string{
		"ben":  {"cursor=" + cursor, "cursor=" + url.QueryEscape(forged), "cursor=x", "limit=0", "limit=101", "page=2", "limit=1&limit=1"},
		"anna": {"cursor=" + cursor[:len(cursor)-1], "cursor="},
	} {
		for _, query := range queries {
			r := s.get(t, s.handler().List, "/api/me/tickets", user, "/api/me/tickets", query, "")
			if r.StatusCode != 400 {
				t.Errorf("%s %s: %d %s", user, query, r.StatusCode, r.Body)
			}
		}
	}
	if r := s.get(t, s.handler().List, "/api/me/tickets", "", "/api/me/tickets", "", ""); r.StatusCode != 401 {
		t.Errorf("without a token: %d", r.StatusCode)
	}
}

// position is the form of a cursor.
type position struct {
	A int64  `json:"a"`
	I string `json:"i"`
	N int    `json:"n"`
}

// What cannot be read right now is 503; a row that does not fit its layout hides no other ticket and gets no code; a concert or an
// account that cannot be read hides nothing.
func TestWhatCannotBeRead(t *testing.T) {
	failed := errors.New("c4n4ry of the store")
	for name, fail := range map[string]func(*shelf){
		"orders": func(s *shelf) { s.orders = failed }, "layouts": func(s *shelf) { s.layouts = failed },
	} {
		s := newShelf(order("anna", 1, contracts.Confirmed, "A-1-1"))
		fail(s)
		for _, path := range []string{"/api/me/tickets", "/api/orders/anna-001/tickets.pdf", "/api/orders/anna-001/tickets.ics"} {
			r := s.file(t, "anna", path, "", "")
			if r.StatusCode != 503 || strings.Contains(r.Body, "c4n4ry") || r.Headers["Retry-After"] == "" {
				t.Errorf("%s %s: %d %s", name, path, r.StatusCode, r.Body)
			}
		}
	}
	s := newShelf(order("anna", 1, contracts.Confirmed, "A-1-1"), order("anna", 2, contracts.Confirmed, "A-9-9"))
	l := s.list(t, "anna", "")
	if len(l.Tickets) != 2 || l.Tickets[0].QR != "" || l.Tickets[1].QR == "" || !strings.Contains(s.log.String(), "tickets without a code") {
		t.Errorf("%+v %s", l, s.log.String())
	}
	if r := s.file(t, "anna", "/api/orders/anna-002/tickets.pdf", "", ""); r.StatusCode != 500 {
		t.Errorf("a ticket without a code was printed: %d", r.StatusCode)
	}
	// A concert that does not exist comes back by no repeat.
	s.concert.ConcertID = "another"
	for _, end := range []string{"pdf", "ics"} {
		if r := s.file(t, "anna", "/api/orders/anna-001/tickets."+end, "", ""); r.StatusCode != 500 || strings.Contains(s.log.String(), "%!") || !strings.Contains(s.log.String(), "concert c of order anna-001 has no row") {
			t.Errorf("%s of a concert without a row: %d %s", end, r.StatusCode, s.log.String())
		}
	}
	s.concert.ConcertID = "c"
	s.catalogue, s.accounts = failed, failed
	if l := s.list(t, "anna", ""); len(l.Tickets) != 2 || l.Tickets[1].QR == "" || l.Tickets[1].Concert != nil {
		t.Errorf("without concerts: %+v", l)
	}
	s.catalogue = nil
	if r := s.file(t, "anna", "/api/orders/anna-001/tickets.pdf", "", ""); r.StatusCode != 200 {
		t.Errorf("without accounts: %d %s", r.StatusCode, r.Body)
	}
	if strings.Contains(s.log.String(), "Müller") {
		t.Error("a name is in the log")
	}
}

// file gets a path by the handler of its end.
func (s *shelf) file(t testing.TB, user, path, query, language string) httpapi.Response {
	t.Helper()
	h := s.handler()
	switch {
	case strings.HasSuffix(path, ".pdf"):
		return s.get(t, h.PDF, "/api/orders/{orderId}/tickets.pdf", user, path, query, language)
	case strings.HasSuffix(path, ".ics"):
		return s.get(t, h.Calendar, "/api/orders/{orderId}/tickets.ics", user, path, query, language)
	default:
		return s.get(t, h.List, "/api/me/tickets", user, path, query, language)
	}
}

func content(t testing.TB, r httpapi.Response) []byte {
	t.Helper()
	decoded, err := base64.StdEncoding.DecodeString(r.Body)
	if r.StatusCode != 200 || !r.IsBase64Encoded || err != nil || r.Headers["Cache-Control"] != "no-store" {
		t.Fatalf("%d %v %v %.200s", r.StatusCode, r.Headers, err, r.Body)
	}
	return decoded
}

func TestPDFOfAnOrder(t *testing.T) {
	s := newShelf(order("anna", 1, contracts.Confirmed, "A-1-1", "A-1-2"))
	r := s.file(t, "anna", "/api/orders/anna-001/tickets.pdf", "", "en-GB")
	first := content(t, r)
	if r.Headers["Content-Type"] != "application/pdf" || r.Headers["Content-Disposition"] != `attachment; filename="tickets-anna-001.pdf"` || !bytes.HasPrefix(first, []byte("%PDF-")) {
		t.Errorf("%v", r.Headers)
	}
	now = now.Add(time.Hour)
	if !bytes.Equal(first, content(t, s.file(t, "anna", "/api/orders/anna-001/tickets.pdf", "", "en-GB"))) {
		t.Error("the same version of an order makes another file an hour later")
	}
	for _, c := range []struct{ query, language, box string }{
		{"", "", "595.28 841.89"}, {"", "en", "595.28 841.89"}, {"", "en-US,en;q=0.9", "612.00 792.00"}, {"", "de-DE,en-US;q=0.5", "595.28 841.89"}, {"", "es-MX", "612.00 792.00"},
		{"", "fr-CA", "612.00 792.00"}, {"paper=a4", "en-US", "595.28 841.89"}, {"paper=letter", "de", "612.00 792.00"}, {"", "~~~;;;", "595.28 841.89"}, {"", "zh-Hans-CN", "595.28 841.89"},
	} {
		file := content(t, s.file(t, "anna", "/api/orders/anna-001/tickets.pdf", c.query, c.language))
		if !bytes.Contains(file, []byte("/MediaBox [0 0 "+c.box+"]")) {
			t.Errorf("%q %q is not on %s", c.query, c.language, c.box)
		}
	}
	for _, query := range []string{"paper=a5", "paper=", "paper=A4", "page=1", "paper=a4&paper=a4"} {
		if r := s.file(t, "anna", "/api/orders/anna-001/tickets.pdf", query, ""); r.StatusCode != 400 {
			t.Errorf("%s: %d", query, r.StatusCode)
		}
	}
}

// Files are there from CONFIRMED on, for the buyer alone.
func TestWhoGetsFiles(t *testing.T) {
	for _, status := range contracts.Statuses() {
		s := newShelf(order("anna", 1, status, "A-1-1"))
		if status == contracts.Queued {
			s.rows = nil
		}
		for _, end := range []string{"pdf", "ics"} {
			path := "/api/orders/anna-001/tickets." + end
			r := s.file(t, "anna", path, "", "")
			want := 409
			if status == contracts.Confirmed || status == contracts.Refunded && end == "ics" {
				want = 200
			}
			if r.StatusCode != want || want == 409 && !strings.Contains(r.Body, `"order_not_confirmed"`) {
				t.Errorf("%s %s: %d %.200s", status, end, r.StatusCode, r.Body)
			}
			if problems := contract(t).Problems(t, "GET", path, r); problems != "" && want == 409 {
				t.Errorf("%s %s: %s", status, end, problems)
			}
			for _, c := range []struct {
				user, path string
				want       int
			}{{"ben", path, 404}, {"", path, 401}, {"anna", "/api/orders/x/tickets." + end, 404}} {
				if r := s.file(t, c.user, c.path, "", ""); r.StatusCode != c.want {
					t.Errorf("%s %s as %q: %d", status, c.path, c.user, r.StatusCode)
				}
			}
		}
	}
	s := newShelf(order("anna", 1, contracts.Confirmed, "A-1-1"))
	s.rows[0].UserID = "ben"
	if r := s.file(t, "anna", "/api/orders/anna-001/tickets.pdf", "", ""); r.StatusCode != 404 {
		t.Errorf("a row of another buyer: %d", r.StatusCode)
	}
}

func TestCalendarOfAnOrder(t *testing.T) {
	s := newShelf(order("anna", 1, contracts.Confirmed, "A-2-2", "A-2-3"))
	read := func() *ics.VEvent {
		r := s.file(t, "anna", "/api/orders/anna-001/tickets.ics", "", "de")
		if r.Headers["Content-Type"] != "text/calendar; charset=utf-8" {
			t.Errorf("%v", r.Headers)
		}
		calendar, err := ics.ParseCalendar(bytes.NewReader(content(t, r)))
		if err != nil || len(calendar.Events()) != 1 {
			t.Fatal(err)
		}
		return calendar.Events()[0]
	}
	value := func(e *ics.VEvent, p ics.ComponentProperty) string { return e.GetProperty(p).Value }
	e := read()
	start, err := e.GetStartAt()
	if err != nil || contracts.InstantOf(start) != s.concert.StartsAt || value(e, "SUMMARY") != "Nocturne – The Ensemble" || value(e, "LOCATION") != "Theatre, Vienna" ||
		value(e, "SEQUENCE") != "4" || value(e, "STATUS") != "CONFIRMED" || e.Id() != "anna-001@boxoffice" ||
		value(e, "DESCRIPTION") != "section-A, row 2, seat 2\nsection-A, row 2, seat 3\nhttps://boxoffice.example/orders/anna-001" {
		t.Errorf("%s", e.Serialize(&ics.SerializationConfiguration{MaxLength: 75, NewLine: "\n"}))
	}
	s.people["anna"] = readmodel.Person{Locale: "de"}
	s.concert.CancelledAt = 1
	if e := read(); value(e, "STATUS") != "CANCELLED" || value(e, "SEQUENCE") != "5" || !strings.Contains(value(e, "DESCRIPTION"), "Reihe 2, Platz 2") {
		t.Errorf("cancelled: %s", value(e, "STATUS"))
	}
	s.concert.CancelledAt = 0
	s.rows[0].Status, s.rows[0].Version = contracts.Refunded, 6
	if e := read(); value(e, "STATUS") != "CANCELLED" || value(e, "SEQUENCE") != "6" {
		t.Errorf("refunded: %s", value(e, "STATUS"))
	}
}
