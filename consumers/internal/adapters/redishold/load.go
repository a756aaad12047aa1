package redishold

import (
	"context"
	_ "embed" // load.lua
	"errors"
	"fmt"
	"maps"
	"slices"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts/seatstate"

	"github.com/redis/go-redis/v9"
)

//go:embed load.lua
var loadBody string

// Load writes a whole group in a layout version and deletes the lock; or it writes nothing and returns
// holds.ErrLoadRefused. It replaces a group in another version, unless that was loaded under this token or a later one. It
// is one script however large the group is, so no reader sees a part of it. Other errors are those of Store.
func (s *Store) Load(ctx context.Context, g seatstate.GroupVersion, l holds.Load) error {
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
		return fmt.Errorf("redis load %s: unknown reply %q", g.Key(), r.word)
	}
}

// Loaded returns nil, or holds.ErrNotLoaded if the group is not loaded in this layout version.
func (s *Store) Loaded(ctx context.Context, g seatstate.GroupVersion) error {
	if err := holds.ValidVersion(g); err != nil {
		return invalid(err)
	}
	var revision string
	err := s.callGroup(ctx, g.SeatGroup, func(ctx context.Context) (err error) {
		revision, err = s.client.Get(ctx, seatstate.KeysOf(g.SeatGroup).Rev).Result()
		if errors.Is(err, redis.Nil) {
			return nil
		}
		return err
	})
	var shown seatstate.Snapshot
	if err == nil {
		shown, err = seatstate.SnapshotOf(g, revision, "")
	}
	if err != nil {
		return fmt.Errorf("redis loaded %s: %w", g.Key(), err)
	}
	if !shown.Loaded {
		return fmt.Errorf("redis loaded %s: %w", g.Key(), holds.ErrNotLoaded)
	}
	return nil
}
