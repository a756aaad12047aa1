package redisrate

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"boxoffice/consumers/internal/pay"
	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// Pace leaves how far payments are behind their queue, in one key for all orders, at most once in seatstate.PaceEvery:
// each POST goes by it. It is safe for concurrent use.
type Pace struct {
	client  redis.UniversalClient
	breaker retry.Breaker
	now     func() time.Time

	mu   sync.Mutex
	last time.Time
}

var _ pay.Pace = (*Pace)(nil)

// NewPace makes a Pace over the process's client and breaker.
func NewPace(client redis.UniversalClient, breaker retry.Breaker, now func() time.Time) *Pace {
	return &Pace{client: client, breaker: breaker, now: now}
}

// Leave implements pay.Pace. What fails is not reported: a pace is worth no attempt.
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
	_ = call(ctx, p.breaker, timeoutPerCall, func(ctx context.Context) error {
		return p.client.Set(ctx, seatstate.PaymentLagKey, lag.Milliseconds(), seatstate.PaymentLagKept).Err()
	})
}
