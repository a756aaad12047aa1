package redishold

import (
	"context"
	"sync"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// Pace leaves how far decisions are behind the queue, in one key for all groups, at most once in seatstate.PaceEvery:
// every GET of an order without a row reads it. It is safe for concurrent use.
type Pace struct {
	store *Store
	now   func() time.Time

	mu   sync.Mutex
	last time.Time
}

// NewPace makes a Pace over the store's client and breaker.
func NewPace(s *Store, now func() time.Time) *Pace { return &Pace{store: s, now: now} }

// Leave leaves the lag of a decision about a message that the queue took at sentAt, 0 if that is not known. What
// fails is not reported: a pace is worth no attempt.
func (p *Pace) Leave(ctx context.Context, sentAt contracts.Instant) {
	now := p.now()
	p.mu.Lock()
	due := sentAt > 0 && now.Sub(p.last) >= seatstate.PaceEvery
	if due {
		p.last = now
	}
	p.mu.Unlock()
	if !due {
		return
	}
	lag := max(0, contracts.InstantOf(now).Sub(sentAt))
	_ = p.store.call(ctx, func(ctx context.Context) error {
		return p.store.client.Set(ctx, seatstate.PaceKey, lag.Milliseconds(), seatstate.LagKept).Err()
	})
}
