package memhold

import (
	"context"
	"maps"
	"slices"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// State is all data of a group, in the types of seatstate. A State without Loaded and with empty maps is a group that was
// never loaded.
type State struct {
	Loaded   bool
	Revision seatstate.Revision
	Map      seatstate.SeatMap
	Entries  map[int]seatstate.Entry
	Records  map[contracts.OrderID]seatstate.Record
	// Lapses has the orders that hold something, by the instant their hold lapses; Ends has the ended ones, by the instant
	// their record may be deleted.
	Lapses, Ends map[contracts.OrderID]contracts.Instant
	// Lock is the token of the rebuild lock, 0 without one.
	Lock int64
}

// Inspect returns a copy of the state of a group. It does not sweep.
func (s *Store) Inspect(g contracts.SeatGroup) State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inspect(g)
}

func (s *Store) inspect(g contracts.SeatGroup) State {
	state := State{
		Entries: map[int]seatstate.Entry{}, Records: map[contracts.OrderID]seatstate.Record{},
		Lapses: map[contracts.OrderID]contracts.Instant{}, Ends: map[contracts.OrderID]contracts.Instant{},
	}
	if l, ok := s.locks[g]; ok && l.until > s.now() {
		state.Lock = l.token
	}
	grp, ok := s.groups[g]
	if !ok {
		return state
	}
	state.Loaded, state.Revision, state.Map = true, grp.revision, seatstate.NewSeatMap(grp.places)
	maps.Copy(state.Entries, grp.seats)
	maps.Copy(state.Ends, grp.ends)
	for p, entry := range grp.seats {
		state.Map.Set(p, entry.State)
	}
	for order, record := range grp.orders {
		record.Places = slices.Clone(record.Places)
		state.Records[order] = record
		if record.State == seatstate.RecordHeld {
			state.Lapses[order] = record.Lapses
		}
	}
	return state
}

// State reads a group for a repair.
func (s *Store) State(_ context.Context, g seatstate.GroupVersion) (holds.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.inspect(g.SeatGroup)
	if _, err := s.loaded(g); err != nil {
		return holds.State{}, err
	}
	state := holds.State{
		Revision: all.Revision, Map: all.Map, Entries: all.Entries,
		Records: map[contracts.OrderID]seatstate.Record{}, At: s.now(),
	}
	for _, entry := range all.Entries {
		if record, known := all.Records[entry.Order]; known {
			state.Records[entry.Order] = record
		}
	}
	for _, lapses := range all.Lapses {
		if lapses <= state.At {
			state.Lapsed++
		}
	}
	return state, nil
}
