package orders_test

import (
	"testing"
	"time"

	"boxoffice/contracts/seating"
	"boxoffice/producers/internal/orders"
)

// Refused orders with one wish cost one search a second, however many there are. What is found is offered for a second at most.
func TestOffersAreSearchedOnceASecond(t *testing.T) {
	start := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	hints, searches := orders.NewHints(), 0
	ask := func(h *orders.Hints, section string, after time.Duration) string {
		found := orders.OffersFor(h, orders.KeyOf(section), start.Add(after), func() []seating.Suggestion {
			searches++
			return []seating.Suggestion{{Seats: []string{section, time.Duration(searches).String()}}}
		})
		return found[0].Seats[0] + found[0].Seats[1]
	}
	for n, want := range []struct {
		section string
		after   time.Duration
		found   string
	}{
		{"a", 0, "a1ns"}, {"a", 999 * time.Millisecond, "a1ns"}, {"b", 0, "b2ns"}, {"a", time.Second, "a3ns"}, {"a", 1500 * time.Millisecond, "a3ns"},
		// A clock that was set back makes no offer fresh.
		{"a", 500 * time.Millisecond, "a4ns"},
	} {
		if got := ask(hints, want.section, want.after); got != want.found {
			t.Errorf("question %d: %s, want %s", n, got, want.found)
		}
	}
	// Without hints each question is a search.
	if ask(nil, "a", 0); searches != 5 {
		t.Errorf("%d searches", searches)
	}
}
