package redishold

import (
	"context"
	_ "embed" // release.lua
	"fmt"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
)

//go:embed release.lua
var releaseBody string

// Release frees what the order holds, never what was sold to it, and ends its record under the row's version, which is
// at least 1. It may be called again. Errors are those of Hold.
func (s *Store) Release(ctx context.Context, g contracts.SeatGroup, order contracts.OrderID, version int) (holds.Release, error) {
	if err := holds.ValidRelease(order, version); err != nil {
		return holds.Release{}, invalid(err)
	}
	r, err := s.run(ctx, "release", s.scripts.release, g, string(order), version)
	if err != nil {
		return holds.Release{}, err
	}
	released := holds.Release{At: r.at}
	switch r.word {
	case "OK":
		released.Freed, err = r.places(0)
	case "STALE":
		released.Stale = true
	default:
		err = fmt.Errorf("unknown answer %q", r.word)
	}
	if err != nil {
		return holds.Release{}, fmt.Errorf("redis release %s: %w", g.Key(), err)
	}
	return released, nil
}
