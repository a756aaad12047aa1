package redishold

import (
	"context"
	_ "embed" // release.lua
	"fmt"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

//go:embed release.lua
var releaseBody string

// Release frees what the order holds, never what was sold to it, and ends its record under the row's version, which is at
// least 1. It is safe to repeat. Layout version 0 means the version in which the group is loaded: see
// order.Order.GroupVersion. Errors are those of Store.
func (s *Store) Release(ctx context.Context, g seatstate.GroupVersion, order contracts.OrderID, version int) (holds.Release, error) {
	if err := holds.ValidRelease(order, version); err != nil {
		return holds.Release{}, invalid(err)
	}
	r, err := s.run(ctx, "release", s.scripts.release, g, string(order), version)
	if err != nil {
		return holds.Release{}, err
	}
	return released(g, "release", r)
}

// released decodes the result of a script that frees places.
func released(g seatstate.GroupVersion, script string, r reply) (holds.Release, error) {
	freed := holds.Release{At: r.at}
	var err error
	switch r.word {
	case "OK":
		freed.Freed, err = r.places(0)
	case "STALE":
		freed.Stale = true
	default:
		err = fmt.Errorf("unknown reply %q", r.word)
	}
	if err != nil {
		return holds.Release{}, fmt.Errorf("redis %s %s: %w", script, g.Key(), err)
	}
	return freed, nil
}
