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

// Lag names a lag that all instances store under one key.
type Lag struct {
	Key string
	// Kept is how long the lag stays after the message that stored it.
	Kept time.Duration
	// Timeout bounds the call: a lag is only a hint and not worth a long wait.
	Timeout time.Duration
}

// Decisions is the lag of decisions, which a GET of an order without a row reads. Payments is the lag of payments, which a
// POST reads.
var (
	Decisions = Lag{seatstate.PaceKey, seatstate.LagKept, 500 * time.Millisecond}
	Payments  = Lag{seatstate.PaymentLagKey, seatstate.PaymentLagKept, 200 * time.Millisecond}
)

// Pace stores how far a queue's handlers are behind it, at most once in seatstate.PaceEvery. It is safe for concurrent use.
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

// Leave stores the lag since sentAt, when the queue took a message; 0 means that it is not known, and nothing is stored. It
// blocks for at most Lag.Timeout. Errors are ignored: the lag is a hint.
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
