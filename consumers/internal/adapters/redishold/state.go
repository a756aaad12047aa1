package redishold

import (
	"context"
	_ "embed" // state.lua
	"fmt"
	"strconv"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

//go:embed state.lua
var stateBody string

// State reads a group at one instant. It writes nothing, and Redis ensures that. Errors are those of Store.
func (s *Store) State(ctx context.Context, g seatstate.GroupVersion) (holds.State, error) {
	r, err := s.read(ctx, "state", s.scripts.state, g)
	if err != nil {
		return holds.State{}, err
	}
	state, err := stateOf(r)
	if err != nil {
		return holds.State{}, fmt.Errorf("redis state %s: %w", g.Key(), err)
	}
	return state, nil
}

func stateOf(r reply) (holds.State, error) {
	state := holds.State{Entries: map[int]seatstate.Entry{}, Records: map[contracts.OrderID]seatstate.Record{}, At: r.at}
	revision, err := r.text(0)
	if err != nil {
		return holds.State{}, err
	}
	if state.Revision, err = seatstate.ParseRevision(revision); err != nil {
		return holds.State{}, err
	}
	bits, err := r.text(1)
	if err != nil {
		return holds.State{}, err
	}
	state.Map = seatstate.SeatMap(bits)
	lapsed, err := r.instant(2)
	if err != nil {
		return holds.State{}, err
	}
	state.Lapsed = int(lapsed)
	err = r.pairs(3, func(place, entry string) error {
		p, err := strconv.Atoi(place)
		if err != nil {
			return fmt.Errorf("place %q: %w", place, err)
		}
		state.Entries[p], err = seatstate.ParseEntry(entry)
		return err
	})
	if err != nil {
		return holds.State{}, err
	}
	return state, r.pairs(4, func(order, record string) (err error) {
		state.Records[contracts.OrderID(order)], err = seatstate.ParseRecord(record)
		return err
	})
}
