package redishold

import (
	"context"
	_ "embed" // load.lua
	"fmt"
	"maps"
	"slices"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

//go:embed load.lua
var loadBody string

// Load writes a whole group and gives the lock back, or answers holds.ErrLoadRefused and writes nothing. It is one
// script however large the group is, so nobody sees half of it. Other errors are those of Hold.
func (s *Store) Load(ctx context.Context, g contracts.SeatGroup, l holds.Load) error {
	if err := l.Validate(); err != nil {
		return invalid(err)
	}
	args := make([]any, 0, 4+2*len(l.Sold)+6*len(l.Open))
	args = append(args, l.Token, s.o.LapseAfter.Milliseconds(), l.Places, len(l.Sold))
	for _, p := range slices.Sorted(maps.Keys(l.Sold)) {
		args = append(args, p, string(l.Sold[p]))
	}
	for _, o := range l.Open {
		args = append(args, string(o.Order), o.Version, o.Hash, int64(o.HeldAt), int64(o.ExpiresAt), joined(o.Places))
	}
	r, err := s.run(ctx, "load", s.scripts.load, g, args...)
	if err != nil {
		return err
	}
	switch r.word {
	case "OK":
		return nil
	case "CHANGED":
		return fmt.Errorf("redis load %s: %w", g.Key(), holds.ErrLoadRefused)
	default:
		return fmt.Errorf("redis load %s: unknown answer %q", g.Key(), r.word)
	}
}

// Loaded answers nil, or holds.ErrNotLoaded.
func (s *Store) Loaded(ctx context.Context, g contracts.SeatGroup) error {
	var found int64
	err := s.callGroup(ctx, g, func(ctx context.Context) (err error) {
		found, err = s.client.Exists(ctx, seatstate.KeysOf(g).Rev).Result()
		return err
	})
	if err != nil {
		return fmt.Errorf("redis loaded %s: %w", g.Key(), err)
	}
	if found == 0 {
		return fmt.Errorf("redis loaded %s: %w", g.Key(), holds.ErrNotLoaded)
	}
	return nil
}
