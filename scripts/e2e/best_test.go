package e2e

import (
	"net/http"
	"slices"
	"testing"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/apiclient"
	"boxoffice/scripts/internal/testbed"
)

// placeBest sends an order for adjacent seats of a section; "" means any section.
func (s *stack) placeBest(t *testing.T, c *apiclient.Client, concert, key, section string, quantity int) apiclient.Answer {
	t.Helper()
	answer, err := c.Place(t.Context(), key, apiclient.OrderRequest{ConcertID: concert, Best: &apiclient.BestAvailable{Section: section, Quantity: quantity}})
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// placeBestAndWait places an order for adjacent seats, which must be accepted, and waits for the decision.
func (s *stack) placeBestAndWait(t *testing.T, c *apiclient.Client, concert, key, section string, quantity int) apiclient.Order {
	t.Helper()
	answer := s.placeBest(t, c, concert, key, section, quantity)
	var accepted apiclient.Accepted
	if answer.Status != http.StatusAccepted || answer.Decode(&accepted) != nil {
		t.Fatalf("got %d %s", answer.Status, answer.Body)
	}
	return s.waitDecided(t, c, accepted.OrderID)
}

func TestBestAvailableGivesAdjacentSeats(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	anna := s.signedIn(t, testbed.Named("anna"))
	section := s.layout.Groups[len(s.layout.Groups)-1].Section
	order := s.placeBestAndWait(t, anna, s.Concert, "key-1", section, 3)
	wantStatus(t, order, contracts.AwaitingPayment)
	g, _ := s.groupOf(t, order.Seats[0])
	if g.Section != section || len(order.Seats) != 3 {
		t.Fatalf("got %v in section %s", order.Seats, g.Section)
	}
	for _, row := range g.Rows {
		if at := slices.Index(row.Seats, order.Seats[0]); at >= 0 && !slices.Equal(row.Seats[at:at+3], order.Seats) {
			t.Errorf("%v are not side by side in %v", order.Seats, row.Seats)
		}
	}
	again := s.placeBest(t, anna, s.Concert, "key-1", section, 3)
	var repeat apiclient.Accepted
	if again.Status != http.StatusAccepted || again.Decode(&repeat) != nil || repeat.OrderID != order.OrderID || repeat.Status != contracts.AwaitingPayment {
		t.Errorf("a repeat got %d %s", again.Status, again.Body)
	}
	if other := s.placeBest(t, anna, s.Concert, "key-1", section, 2); other.Status != http.StatusUnprocessableEntity || other.Problem().Code != "idempotency_mismatch" {
		t.Errorf("another body got %d %s", other.Status, other.Body)
	}
}

func TestInvalidBestAvailableIsRefused(t *testing.T) {
	t.Parallel()
	s := requireStack(t)
	anna := s.signedIn(t, testbed.Named("anna"))
	if answer := s.placeBest(t, anna, s.Concert, "key-1", "nowhere", 2); answer.Status != http.StatusUnprocessableEntity || answer.Problem().Code != "unknown_section" {
		t.Errorf("got %d %s", answer.Status, answer.Body)
	}
	if answer := s.placeBest(t, anna, s.Concert, "key-1", "", 50); answer.Status != http.StatusUnprocessableEntity || answer.Problem().Code != "too_many_seats" {
		t.Errorf("got %d %s", answer.Status, answer.Body)
	}
}
