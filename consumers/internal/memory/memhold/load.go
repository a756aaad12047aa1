package memhold

import (
	"context"
	"errors"
	"fmt"
	"time"

	"boxoffice/consumers/internal/holds"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// Lock takes the group's rebuild lock for the token and returns true, unless another token has the lock. The lock expires
// after ttl; the same token gets true again, which does not prolong it.
func (s *Store) Lock(_ context.Context, g contracts.SeatGroup, token int64, ttl time.Duration) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if l, ok := s.locks[g]; ok && l.until > now {
		return l.token == token, nil
	}
	s.locks[g] = lock{token: token, until: now.Add(ttl)}
	return true, nil
}

// Unlock deletes the lock if it carries the token.
func (s *Store) Unlock(_ context.Context, g contracts.SeatGroup, token int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locks[g].token == token {
		delete(s.locks, g)
	}
	return nil
}

// Load writes a whole group in a layout version, or returns holds.ErrLoadRefused. It replaces a group in another version,
// unless that was loaded under this token or a later one. Of two orders for one place the first gets it and the other gets
// nothing; a sale comes before every order.
func (s *Store) Load(_ context.Context, g seatstate.GroupVersion, l holds.Load) error {
	if err := errors.Join(holds.ValidVersion(g), l.Validate()); err != nil {
		return invalid(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	held, locked := s.locks[g.SeatGroup]
	there, loaded := s.groups[g.SeatGroup]
	replaced := loaded && there.revision.LayoutVersion != g.LayoutVersion && l.Token > there.revision.Epoch
	if loaded && !replaced || !locked || held.until <= now || held.token != l.Token {
		return fmt.Errorf("load %s: %w", g.Key(), holds.ErrLoadRefused)
	}
	s.groups[g.SeatGroup] = newGroup(g.LayoutVersion, l, now, s.o.LapseAfter)
	delete(s.locks, g.SeatGroup)
	return nil
}

// Loaded returns nil, or holds.ErrNotLoaded if the group is not loaded in this layout version.
func (s *Store) Loaded(_ context.Context, g seatstate.GroupVersion) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.loaded(g)
	return err
}

// Wipe deletes a group and its lock, as a Redis does that lost its memory.
func (s *Store) Wipe(g contracts.SeatGroup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.groups, g)
	delete(s.locks, g)
}

// loaded returns the group if it is loaded in this layout version.
func (s *Store) loaded(g seatstate.GroupVersion) (*group, error) {
	if err := holds.ValidVersion(g); err != nil {
		return nil, invalid(err)
	}
	grp, ok := s.groups[g.SeatGroup]
	if !ok || grp.revision.LayoutVersion != g.LayoutVersion {
		return nil, fmt.Errorf("%s in layout %d: %w", g.Key(), g.LayoutVersion, holds.ErrNotLoaded)
	}
	return grp, nil
}

// loadedForRelease is loaded; for layout version 0 it returns the group in any version.
func (s *Store) loadedForRelease(g seatstate.GroupVersion) (*group, error) {
	grp, ok := s.groups[g.SeatGroup]
	switch {
	case g.LayoutVersion != 0:
		return s.loaded(g)
	case !ok:
		return nil, fmt.Errorf("%s: %w", g.Key(), holds.ErrNotLoaded)
	default:
		return grp, nil
	}
}
