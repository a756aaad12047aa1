package redishold

import (
	"context"
	_ "embed" // sweep.lua
	"fmt"

	"boxoffice/contracts/seatstate"
)

//go:embed sweep.lua
var sweepBody string

// Sweep ends at most seatstate.SweepLimit orders whose hold has lapsed, and returns how many are left. Errors are those of
// Store.
func (s *Store) Sweep(ctx context.Context, g seatstate.GroupVersion) (left int, err error) {
	r, err := s.run(ctx, "sweep", s.scripts.sweep, g)
	if err != nil {
		return 0, err
	}
	n, err := r.instant(0)
	if err != nil {
		return 0, fmt.Errorf("redis sweep %s: %w", g.Key(), err)
	}
	return int(n), nil
}
