package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// myOrders reads one page of a buyer's orders.
func (s *stack) myOrders(t *testing.T, c *apiclient.Client, query string) apiclient.Orders {
	t.Helper()
	var page apiclient.Orders
	if err := c.Get(t.Context(), "/me/orders?"+query, &page); err != nil {
		t.Fatal(err)
	}
	return page
}

// A buyer's orders are all on the pages, each once, the newest first, with what the orders' own answers say; another buyer has none
// of them and can do nothing with their cursors.
func TestMyOrders(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	anna, mallory := s.signedIn(t, testbed.Named("anna")), s.signedIn(t, testbed.Named("mallory"))
	paid := s.placePayable(t, anna, "key-0", s.takeSeats(t, 2)...)
	s.pay(t, paid, "pm_card_visa")
	confirmed := s.waitEnded(t, anna, paid.OrderID)
	wantStatus(t, confirmed, contracts.Confirmed)
	want := []string{confirmed.OrderID}
	for n := range 3 {
		order := s.place(t, anna, fmt.Sprintf("key-%d", n+1), s.takeSeats(t, 1)...)
		s.waitDecided(t, anna, order.OrderID)
		want = append(want, order.OrderID)
	}
	slices.Reverse(want)
	var got []string
	eventually(t, decideWithin, func() (bool, string) {
		got = nil
		for query := "limit=1"; ; {
			page := s.myOrders(t, anna, query)
			for _, o := range page.Orders {
				got = append(got, o.OrderID)
				if o.Payment != nil || o.Timeline != nil || o.Concert == nil || o.Concert.ID != s.Concert || o.Concert.Title == "" {
					t.Errorf("in the list: %+v", o)
				}
			}
			if page.NextCursor == "" {
				return slices.Equal(got, want), fmt.Sprintf("the list is %v, want %v", got, want)
			}
			query = "limit=1&cursor=" + page.NextCursor
		}
	})
	all := s.myOrders(t, anna, "limit=100")
	if len(all.Orders) != len(want) || all.NextCursor != "" {
		t.Fatalf("%d orders, cursor %q", len(all.Orders), all.NextCursor)
	}
	last := all.Orders[len(want)-1]
	if last.Version != confirmed.Version || len(last.Tickets) != 2 || last.Tickets[0] != confirmed.Tickets[0] || last.Tickets[0].SeatNumber == 0 || last.Tickets[0].Row == "" {
		t.Errorf("the confirmed order in the list is %+v, its own answer %+v", last, confirmed)
	}
	if page := s.myOrders(t, mallory, ""); len(page.Orders) != 0 || page.NextCursor != "" {
		t.Errorf("another buyer's list is %+v", page)
	}
	cursor := s.myOrders(t, anna, "limit=2").NextCursor
	for query, code := range map[string]string{"cursor=" + cursor: "invalid_cursor", "cursor=x": "invalid_cursor", "limit=0": "invalid_limit", "user=anna": "invalid_filter"} {
		answer, err := mallory.Do(t.Context(), http.MethodGet, "/me/orders?"+query, nil, nil)
		if err != nil || answer.Status != http.StatusBadRequest || answer.Problem().Code != code {
			t.Errorf("%s: %d %s, %v", query, answer.Status, answer.Body, err)
		}
	}
	if answer, err := s.withToken(t, "").Do(t.Context(), http.MethodGet, "/me/orders", nil, nil); err != nil || answer.Status != http.StatusUnauthorized {
		t.Errorf("without a token: %d %s, %v", answer.Status, answer.Body, err)
	}
}

// No route with the id of an order tells another buyer anything about it or changes it, whatever its status.
func TestNoRouteShowsAnotherBuyersOrder(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	anna, mallory := s.signedIn(t, testbed.Named("anna")), s.signedIn(t, testbed.Named("mallory"))
	paid := s.placePayable(t, anna, "key-1", s.takeSeats(t, 1)...)
	s.pay(t, paid, "pm_card_visa")
	s.waitEnded(t, anna, paid.OrderID)
	open := s.placePayable(t, anna, "key-2", s.takeSeats(t, 1)...)
	queued := s.place(t, anna, "key-3", s.takeSeats(t, 1)...)
	unknown, err := mallory.Do(t.Context(), http.MethodGet, "/orders/e1"+strings.Repeat("0", 30), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{paid.OrderID, open.OrderID, queued.OrderID} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodDelete} {
			for _, suffix := range []string{"", "?userId=" + id, "?cursor=" + id} {
				answer, err := mallory.Do(t.Context(), method, "/orders/"+id+suffix, nil, nil)
				if err != nil || answer.Status != http.StatusNotFound || method != http.MethodHead && answer.Problem().Code != "order_not_found" {
					t.Errorf("%s %s: %d %s, %v", method, suffix, answer.Status, answer.Body, err)
				}
				if len(answer.Body) > 0 && len(answer.Body) != len(unknown.Body)-len(unknownInstance(unknown))+len(unknownInstance(answer)) {
					t.Errorf("%s %s: the answer %s differs from that about an unknown order, %s", method, suffix, answer.Body, unknown.Body)
				}
			}
		}
	}
	order, _, err := anna.Order(t.Context(), open.OrderID)
	if err != nil || order.Version != open.Version || !order.Status.Open() {
		t.Errorf("after another buyer's requests the order is %s at version %d, %v", order.Status, order.Version, err)
	}
}

// unknownInstance returns the member instance of a problem.
func unknownInstance(a apiclient.Answer) string {
	var p struct{ Instance string }
	if a.Decode(&p) != nil {
		return ""
	}
	return p.Instance
}

// A concert with the rule refuses an order that would leave a single seat, offers another, and takes that one. A seat that is taken
// has suggestions, in the answer to POST and in the rejected order.
func TestSeatRulesAndSuggestions(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	// No other test uses this concert, so no function keeps it without the rule.
	h := s.house(t, "saudade-2030", "stalls-right")
	_, err := s.Dynamo.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: aws.String(s.Table("concerts")), Key: map[string]types.AttributeValue{"concertId": &types.AttributeValueMemberS{Value: h.concert.ID}},
		UpdateExpression:          aws.String("SET noSingleSeat = :yes"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":yes": &types.AttributeValueMemberBOOL{Value: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	all := 0
	for _, g := range h.groups {
		all += len(g.Seats)
	}
	eventually(t, decideWithin, func() (bool, string) { return h.countFree(t) == all, "seats of an earlier run are still held" })
	user := testbed.Named("anna")
	anna := s.signedIn(t, user)
	anna.AnySeats = false
	g := h.groups[0]
	row := g.Rows[2].Seats
	for _, seat := range row {
		if slices.Contains(g.Accessible, seat) {
			t.Fatalf("seat %s is accessible", seat)
		}
	}
	place := func(key string, accessible int, seats ...string) apiclient.Answer {
		answer, err := anna.Place(context.WithoutCancel(t.Context()), key, apiclient.OrderRequest{ConcertID: h.concert.ID, Seats: seats, Accessible: accessible})
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	refused := place("key-1", 0, row[1:3]...)
	p := refused.Problem()
	if refused.Status != http.StatusUnprocessableEntity || p.Code != "single_seat_left" || !slices.Equal(p.Seats, row[:1]) || len(p.Suggestions) == 0 || p.Suggestions[0].Why != "same_row" {
		t.Fatalf("got %s", refused.Body)
	}
	var accepted apiclient.Accepted
	if answer := place("key-2", 0, p.Suggestions[0].Seats...); answer.Status != http.StatusAccepted || answer.Decode(&accepted) != nil {
		t.Fatalf("the suggestion %v: %d %s", p.Suggestions[0].Seats, answer.Status, answer.Body)
	}
	wantStatus(t, h.waitDecided(t, anna, accepted.OrderID), contracts.AwaitingPayment)
	taken := place("key-3", 0, p.Suggestions[0].Seats...).Problem()
	if taken.Code != "seat_taken" || len(taken.Suggestions) == 0 || len(taken.Suggestions[0].Seats) != 2 || taken.Suggestions[0].Amount.Minor == 0 {
		t.Errorf("seats that are taken: %+v", taken)
	}
	if again := place("key-2", 0, p.Suggestions[0].Seats...); again.Status != http.StatusAccepted {
		t.Errorf("the same order again: %d %s", again.Status, again.Body)
	}
	if len(g.Accessible) > 0 {
		reserved := place("key-4", 0, g.Accessible[0]).Problem()
		if reserved.Code != "accessible_reserved" || !slices.Equal(reserved.Seats, g.Accessible[:1]) || len(reserved.Suggestions) == 0 {
			t.Errorf("an accessible place that was not asked for: %+v", reserved)
		}
		if answer := place("key-5", 1, g.Accessible[0]); answer.Status != http.StatusAccepted && answer.Problem().Code != "single_seat_left" {
			t.Errorf("an accessible place that was asked for: %d %s", answer.Status, answer.Body)
		}
	}
}
