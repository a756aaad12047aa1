package e2e

import (
	"net/http"
	"testing"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

func (s *stack) cancel(t *testing.T, c *apiclient.Client, id string) apiclient.Answer {
	t.Helper()
	answer, err := c.Do(t.Context(), http.MethodDelete, "/orders/"+id, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestCancelledOrderFreesItsSeatsAtOnce(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	anna, ben, seats := s.signedIn(t, testbed.Named("anna")), s.signedIn(t, testbed.Named("ben")), s.takeSeats(t, 2)
	accepted := s.place(t, anna, "key-1", seats...)
	wantStatus(t, s.waitDecided(t, anna, accepted.OrderID), contracts.AwaitingPayment)

	for range 2 { // a double click
		if answer := s.cancel(t, anna, accepted.OrderID); answer.Status != http.StatusAccepted && answer.Status != http.StatusOK {
			t.Fatalf("DELETE returned %d %s", answer.Status, answer.Body)
		}
	}
	cancelled := s.waitFor(t, anna, accepted.OrderID, decideWithin, func(o apiclient.Order) bool { return o.Status != contracts.AwaitingPayment })
	wantStatus(t, cancelled, contracts.Cancelled)
	if got := timelineOf(cancelled); got != "QUEUED HELD AWAITING_PAYMENT CANCELLED" {
		t.Errorf("timeline is %s", got)
	}
	eventually(t, decideWithin, func() (bool, string) {
		answer, err := ben.Place(t.Context(), "key-"+testbed.Named("x"), apiclient.OrderRequest{ConcertID: s.Concert, Seats: seats})
		if err != nil {
			t.Fatal(err)
		}
		var next apiclient.Accepted
		if answer.Status != http.StatusAccepted || answer.Decode(&next) != nil {
			return false, answer.Problem().Code
		}
		o := s.waitDecided(t, ben, next.OrderID)
		return o.Status == contracts.AwaitingPayment, string(o.Status)
	})
	if answer := s.cancel(t, anna, accepted.OrderID); answer.Status != http.StatusOK {
		t.Errorf("DELETE of a cancelled order returned %d %s", answer.Status, answer.Body)
	}
}

func TestOnlyTheBuyerCancelsAnOrder(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	anna, mallory, seats := s.signedIn(t, testbed.Named("anna")), s.signedIn(t, testbed.Named("mallory")), s.takeSeats(t, 1)
	accepted := s.place(t, anna, "key-1", seats...)
	wantStatus(t, s.waitDecided(t, anna, accepted.OrderID), contracts.AwaitingPayment)
	for _, c := range []*apiclient.Client{mallory, s.withToken(t, "")} {
		if answer := s.cancel(t, c, accepted.OrderID); answer.Status != http.StatusNotFound && answer.Status != http.StatusUnauthorized {
			t.Errorf("DELETE returned %d %s", answer.Status, answer.Body)
		}
	}
	order, _, err := anna.Order(t.Context(), accepted.OrderID)
	if err != nil || order.Status == contracts.Cancelled {
		t.Errorf("the order is %s, %v", order.Status, err)
	}
}

func TestCancelOfAnUndecidedOrder(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	anna := s.signedIn(t, testbed.Named("anna"))
	// The cancellation follows the order at once, so it usually comes before the decision.
	held := s.takeSeats(t, 1)
	accepted := s.place(t, anna, "key-1", held...)
	answer := s.cancel(t, anna, accepted.OrderID)
	switch answer.Status {
	case http.StatusConflict:
		if p := answer.Problem(); p.Code != "order_not_decided" || answer.Header.Get("Retry-After") == "" {
			t.Errorf("got %+v, Retry-After %q", p, answer.Header.Get("Retry-After"))
		}
	case http.StatusAccepted: // the order was decided in between
	default:
		t.Errorf("got %d %s", answer.Status, answer.Body)
	}
}
