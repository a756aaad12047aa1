package redisclient

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"boxoffice/consumers/internal/retry"
	"boxoffice/contracts"
	"boxoffice/contracts/seatstate"
)

// Lag is one that is left in one key for all.
type Lag struct {
	Key string
	// Kept is how long it stands after the message that left it.
	Kept time.Duration
	// Timeout bounds the call: a lag is not worth waiting for.
	Timeout time.Duration
}

// Lags: of decisions, which each GET of an order without a row goes by, and of payments, which each POST goes by.
var (
	Decisions = Lag{seatstate.PaceKey, seatstate.LagKept, 500 * time.Millisecond}
	Payments  = Lag{seatstate.PaymentLagKey, seatstate.PaymentLagKept, 200 * time.Millisecond}
)

// Pace leaves how far a queue's handlers are behind it, at most once in seatstate.PaceEvery. It is safe for concurrent use.
type Pace struct {
	client  redis.UniversalClient
	breaker retry.Breaker
	lag     Lag
	now     func() time.Time

	mu   sync.Mutex
	last time.Time
}

// NewPace makes a Pace over the process's client and breaker.
func NewPace(client redis.UniversalClient, breaker retry.Breaker, lag Lag, now func() time.Time) *Pace {
	return &Pace{client: client, breaker: breaker, lag: lag, now: now}
}

// Leave leaves the lag of a message that the queue took at sentAt, 0 if that is not known. What fails is not reported: a
// pace is worth no attempt.
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
	behind := max(0, contracts.InstantOf(now).Sub(sentAt))
	_ = Call(ctx, p.breaker, p.lag.Timeout, func(ctx context.Context) error {
		return p.client.Set(ctx, p.lag.Key, behind.Milliseconds(), p.lag.Kept).Err()
	})
}
