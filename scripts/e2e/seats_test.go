package e2e

import (
	"testing"

	"boxoffice/contracts/seatstate"
	"boxoffice/scripts/internal/apiclient"
)

// seats takes n neighbouring seats of one group that no other test has.
func (s *stack) seats(t *testing.T, n int) []string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.layout.Groups {
		from := s.next[g.Group]
		if from+n <= len(g.Seats) {
			s.next[g.Group] = from + n
			return g.Seats[from : from+n]
		}
	}
	t.Fatal("the concert has no seats left that no test has taken")
	return nil
}

// group is the group of a seat, with the seat's place.
func (s *stack) group(t *testing.T, seat string) (apiclient.Group, int) {
	t.Helper()
	for _, g := range s.layout.Groups {
		for place, name := range g.Seats {
			if name == seat {
				return g, place
			}
		}
	}
	t.Fatalf("no group has seat %s", seat)
	return apiclient.Group{}, 0
}

// stateOf is how the public snapshot shows a seat.
func (s *stack) stateOf(t *testing.T, seat string) seatstate.State {
	t.Helper()
	g, place := s.group(t, seat)
	var now apiclient.Availability
	if err := s.with(t, "").Get(t.Context(), "/concerts/"+s.concert+"/availability", &now); err != nil {
		t.Fatal(err)
	}
	for _, shown := range now.Groups {
		if shown.Group == g.Group && shown.State == "ready" {
			return shown.Seats.At(place)
		}
	}
	t.Fatalf("group %s is not ready", g.Group)
	return 0
}
