package e2e

import (
	"slices"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
	"boxoffice/scripts/internal/apiclient"
)

// seats takes n neighbouring seats of one group that no other test has.
func (s *stack) seats(t *testing.T, n int) []string {
	t.Helper()
	return s.seatsOutside(t, "", n)
}

// seatsOutside takes such seats of another group than the one of a seat.
func (s *stack) seatsOutside(t *testing.T, seat string, n int) []string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.layout.Groups {
		from := s.next[g.Group]
		if from+n <= len(g.Seats) && !slices.Contains(g.Seats, seat) {
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

// layoutOf reads the seating plan of any concert.
func (s *stack) layoutOf(t *testing.T, concert string) apiclient.Layout {
	t.Helper()
	var l apiclient.Layout
	if err := s.with(t, "").Get(t.Context(), "/concerts/"+concert+"/layout", &l); err != nil {
		t.Fatal(err)
	}
	return l
}

// mapsOf is how the public snapshot shows the seats of each group, once all groups of the concert are loaded. It may be a second
// old.
func (s *stack) mapsOf(t *testing.T, concert string) map[string]seatstate.SeatMap {
	t.Helper()
	maps := map[string]seatstate.SeatMap{}
	eventually(t, decideWithin, func() (bool, string) {
		var now apiclient.Availability
		if err := s.with(t, "").Get(t.Context(), "/concerts/"+concert+"/availability", &now); err != nil {
			t.Fatal(err)
		}
		for _, g := range now.Groups {
			if g.State != "ready" {
				return false, g.Group + " is " + g.State
			}
			maps[g.Group] = g.Seats
		}
		return true, ""
	})
	return maps
}

// stateOf is what a seat is in Redis now: what the public snapshot shows within a second.
func (s *stack) stateOf(t *testing.T, seat string) seatstate.State {
	t.Helper()
	g, place := s.group(t, seat)
	seats, err := s.SeatMap(t.Context(), contracts.SeatGroup{ConcertID: s.Concert, Group: g.Group})
	if err != nil {
		t.Fatal(err)
	}
	return seats.At(place)
}

// shownAs is how the public snapshot shows a seat.
func (s *stack) shownAs(t *testing.T, seat string) seatstate.State {
	t.Helper()
	g, place := s.group(t, seat)
	return s.mapsOf(t, s.Concert)[g.Group].At(place)
}
