package redishold

import (
	"context"
	_ "embed" // keep.lua
	"fmt"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts/seatstate"
)

//go:embed keep.lua
var keepBody string

// Keep makes the hold of an open row what the row says, all its places or none, until its own end, under its version; other
// places that the order held become free. See holds.Applied. Errors are those of Store.
func (s *Store) Keep(ctx context.Context, g seatstate.GroupVersion, k holds.Kept) (holds.Applied, error) {
	if err := k.Validate(); err != nil {
		return "", invalid(err)
	}
	r, err := s.run(ctx, "keep", s.scripts.keep, g, string(k.Order), k.Hash, k.Version,
		int64(k.HeldAt), int64(k.ExpiresAt), s.o.LapseAfter.Milliseconds(), joined(k.Places))
	if err != nil {
		return "", err
	}
	switch applied := holds.Applied(r.word); applied {
	case holds.OK, holds.Busy, holds.Stale:
		return applied, nil
	default:
		return "", fmt.Errorf("redis keep %s: unknown reply %q", g.Key(), r.word)
	}
}
