package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"boxoffice/contracts"
	"boxoffice/scripts/internal/apiclient"
)

// placeBest sends an order for adjacent seats; best is its bestAvailable, in JSON.
func (s *stack) placeBest(t *testing.T, c *apiclient.Client, concert, key, best string) apiclient.Answer {
	t.Helper()
	body := fmt.Sprintf(`{"concertId":%q,"bestAvailable":%s}`, concert, best)
	answer, err := c.Do(t.Context(), http.MethodPost, "/orders", []byte(body), map[string]string{"Content-Type": "application/json", "Idempotency-Key": key})
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// decidedBest places an order for adjacent seats of any section, wants it accepted and waits for the decision.
func (s *stack) decidedBest(t *testing.T, c *apiclient.Client, concert, key string, quantity int) apiclient.Order {
	t.Helper()
	answer := s.placeBest(t, c, concert, key, fmt.Sprintf(`{"quantity":%d}`, quantity))
	var accepted apiclient.Accepted
	if answer.Status != http.StatusAccepted || answer.Decode(&accepted) != nil {
		t.Fatalf("got %d %s", answer.Status, answer.Body)
	}
	return s.decided(t, c, accepted.OrderID)
}

// inSection asks for seats of one section.
func inSection(section string, quantity int) string {
	return fmt.Sprintf(`{"section":%q,"quantity":%d}`, section, quantity)
}

func TestBestAvailableGivesAdjacentSeats(t *testing.T) {
	t.Parallel()
	s := theStack(t)
	anna := s.as(t, userNamed("anna"))
	section := s.layout.Groups[len(s.layout.Groups)-1].Section
	answer := s.placeBest(t, anna, s.concert, "key-1", inSection(section, 3))
	var accepted apiclient.Accepted
	if answer.Status != http.StatusAccepted || answer.Decode(&accepted) != nil {
		t.Fatalf("got %d %s", answer.Status, answer.Body)
	}
	order := s.decided(t, anna, accepted.OrderID)
	wantStatus(t, order, contracts.Held)
	g, _ := s.group(t, order.Seats[0])
	if g.Section != section || len(order.Seats) != 3 {
		t.Fatalf("got %v in section %s", order.Seats, g.Section)
	}
	for _, row := range g.Rows {
		if at := slices.Index(row.Seats, order.Seats[0]); at >= 0 && !slices.Equal(row.Seats[at:at+3], order.Seats) {
			t.Errorf("%v are not side by side in %v", order.Seats, row.Seats)
		}
	}
	again := s.placeBest(t, anna, s.concert, "key-1", inSection(section, 3))
	var repeat apiclient.Accepted
	if again.Status != http.StatusAccepted || again.Decode(&repeat) != nil || repeat.OrderID != accepted.OrderID || repeat.Status != contracts.Held {
		t.Errorf("a repeat answers %d %s", again.Status, again.Body)
	}
	if other := s.placeBest(t, anna, s.concert, "key-1", inSection(section, 2)); other.Status != http.StatusUnprocessableEntity || other.Problem().Code != "idempotency_mismatch" {
		t.Errorf("another body answers %d %s", other.Status, other.Body)
	}
}

func TestBestAvailableThatIsNotValid(t *testing.T) {
	t.Parallel()
	s := theStack(t)
	anna := s.as(t, userNamed("anna"))
	if answer := s.placeBest(t, anna, s.concert, "key-1", inSection("nowhere", 2)); answer.Status != http.StatusUnprocessableEntity || answer.Problem().Code != "unknown_section" {
		t.Errorf("got %d %s", answer.Status, answer.Body)
	}
	if answer := s.placeBest(t, anna, s.concert, "key-1", inSection("", 50)); answer.Status != http.StatusUnprocessableEntity || answer.Problem().Code != "too_many_seats" {
		t.Errorf("got %d %s", answer.Status, answer.Body)
	}
}
