// Package memsent implements notify.Sent in memory, with the promises of dynamosent: one suite checks both.
package memsent

import (
	"context"
	"sync"
	"time"

	"boxoffice/consumers/internal/notify"
	"boxoffice/contracts"
	"boxoffice/contracts/message"
	"boxoffice/contracts/readmodel"
)

// Store has the effects. The zero Store is ready. It is safe for concurrent use.
type Store struct {
	mu    sync.Mutex
	items map[string]readmodel.Sent
}

var _ notify.Sent = (*Store)(nil)

// change calls f with the item of an effect, and stores what f leaves if f returns true.
func (s *Store) change(ctx context.Context, effect string, f func(item *readmodel.Sent, found bool) (keep bool)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.items == nil {
		s.items = map[string]readmodel.Sent{}
	}
	item, found := s.items[effect]
	if f(&item, found) {
		item.Effect = effect
		s.items[effect] = item
	}
	return nil
}

// Claim implements notify.Sent.
func (s *Store) Claim(ctx context.Context, effect string, now, leaseEndsAt contracts.Instant, expiresAt time.Time) (claim notify.Claim, err error) {
	err = s.change(ctx, effect, func(item *readmodel.Sent, found bool) bool {
		switch {
		case found && item.State == readmodel.SentDone:
			claim.State = notify.ClaimDone
			return false
		case found && item.LeaseEndsAt > now:
			claim = notify.Claim{State: notify.ClaimTaken, Until: item.LeaseEndsAt}
			return false
		}
		*item = readmodel.Sent{State: readmodel.SentClaimed, LeaseEndsAt: leaseEndsAt, ExpiresAt: expiresAt.Unix()}
		return true
	})
	return claim, err
}

// Done implements notify.Sent.
func (s *Store) Done(ctx context.Context, effect string, expiresAt time.Time) error {
	return s.change(ctx, effect, func(item *readmodel.Sent, _ bool) bool {
		*item = readmodel.Sent{State: readmodel.SentDone, ExpiresAt: expiresAt.Unix()}
		return true
	})
}

// Release implements notify.Sent.
func (s *Store) Release(ctx context.Context, effect string) error {
	return s.change(ctx, effect, func(item *readmodel.Sent, found bool) bool {
		if found && item.State == readmodel.SentClaimed {
			delete(s.items, effect)
		}
		return false
	})
}

// Raise implements notify.Sent.
func (s *Store) Raise(ctx context.Context, effect string, version int, expiresAt time.Time) (before int, raised bool, err error) {
	err = s.change(ctx, effect, func(item *readmodel.Sent, found bool) bool {
		raised = !found || item.Version < version
		if raised {
			before = item.Version
		}
		item.Version, item.ExpiresAt = version, expiresAt.Unix()
		return raised
	})
	return before, raised, err
}

// Lower implements notify.Sent.
func (s *Store) Lower(ctx context.Context, effect string, version, before int) error {
	return s.change(ctx, effect, func(item *readmodel.Sent, found bool) bool {
		switch {
		case !found || item.Version != version:
			return false
		case before == 0:
			delete(s.items, effect)
			return false
		default:
			item.Version = before
			return true
		}
	})
}

// Stop implements notify.Sent.
func (s *Store) Stop(ctx context.Context, userID string, reason message.MailStop, at contracts.Instant) error {
	return s.change(ctx, readmodel.StopEffect(userID), func(item *readmodel.Sent, found bool) bool {
		item.Reason, item.At = string(reason), at
		return !found
	})
}

// Stopped implements notify.Sent.
func (s *Store) Stopped(ctx context.Context, userID string) (reason message.MailStop, err error) {
	err = s.change(ctx, readmodel.StopEffect(userID), func(item *readmodel.Sent, _ bool) bool {
		reason = message.MailStop(item.Reason)
		return false
	})
	return reason, err
}
