package e2e

import (
	"slices"
	"testing"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
	"boxoffice/scripts/internal/apiclient"
)

// takeSeats returns n neighbouring seats of one group that no other test uses.
func (s *stack) takeSeats(t *testing.T, n int) []string {
	t.Helper()
	return s.takeSeatsOutside(t, "", n)
}

// takeSeatsOutside is takeSeats, but in another group than the one of seat.
func (s *stack) takeSeatsOutside(t *testing.T, seat string, n int) []string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.layout.Groups {
		from := s.nextPlace[g.Group]
		if from+n <= len(g.Seats) && !slices.Contains(g.Seats, seat) {
			s.nextPlace[g.Group] = from + n
			return g.Seats[from : from+n]
		}
	}
	t.Fatal("the concert has no seats left that no test has taken")
	return nil
}

// groupOf returns the group of a seat, and the seat's place in it.
func (s *stack) groupOf(t *testing.T, seat string) (apiclient.Group, int) {
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

// layoutOf returns the layout of any concert.
func (s *stack) layoutOf(t *testing.T, concert string) apiclient.Layout {
	t.Helper()
	var l apiclient.Layout
	if err := s.withToken(t, "").Get(t.Context(), "/concerts/"+concert+"/layout", &l); err != nil {
		t.Fatal(err)
	}
	return l
}

// loadedMaps returns the seat maps of the public snapshot by group, once all groups of the concert are loaded. They may be a
// second old.
func (s *stack) loadedMaps(t *testing.T, concert string) map[string]seatstate.SeatMap {
	t.Helper()
	maps := map[string]seatstate.SeatMap{}
	eventually(t, decideWithin, func() (bool, string) {
		var now apiclient.Availability
		if err := s.withToken(t, "").Get(t.Context(), "/concerts/"+concert+"/availability", &now); err != nil {
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

// seatState returns a seat's current state in Redis, which the public snapshot shows within a second.
func (s *stack) seatState(t *testing.T, seat string) seatstate.State {
	t.Helper()
	g, place := s.groupOf(t, seat)
	seats, err := s.SeatMap(t.Context(), contracts.SeatGroup{ConcertID: s.Concert, Group: g.Group})
	if err != nil {
		t.Fatal(err)
	}
	return seats.At(place)
}

// shownState returns the state of a seat in the public snapshot.
func (s *stack) shownState(t *testing.T, seat string) seatstate.State {
	t.Helper()
	g, place := s.groupOf(t, seat)
	return s.loadedMaps(t, s.Concert)[g.Group].At(place)
}
