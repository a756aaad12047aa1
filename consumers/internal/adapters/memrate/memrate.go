// Package memrate implements pay.Bucket in memory. It is the specification of the bucket in Redis, and what an instance
// uses alone while Redis is unreachable.
package memrate

import (
	"context"
	"sync"
	"time"

	"boxoffice/consumers/internal/pay"
)

// Bucket limits the calls of one process. It is safe for concurrent use and does not block.
type Bucket struct {
	rates pay.Rates
	now   func() time.Time

	mu sync.Mutex
	// all has the buckets by name. A bucket that is not there is full.
	all map[string]*bucket
}

var _ pay.Bucket = (*Bucket)(nil)

type bucket struct {
	// level is the content at the instant at, in millionths of a token; at is in Unix microseconds.
	level, at int64
	// turns are the instants, in Unix microseconds, of the next turn of each class that was refused.
	turns map[pay.Class]int64
}

// New makes full buckets.
func New(rates pay.Rates, now func() time.Time) *Bucket {
	return &Bucket{rates: rates, now: now, all: map[string]*bucket{}}
}

// Take implements pay.Bucket. Its error is always nil.
func (b *Bucket) Take(_ context.Context, c pay.Class) (time.Duration, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	rate, now := b.rates.Of(c), b.now().UnixMicro()
	k, known := b.all[rate.Bucket]
	if !known {
		k = &bucket{level: rate.Capacity, at: now, turns: map[pay.Class]int64{}}
		b.all[rate.Bucket] = k
	}
	// A clock that goes back adds no tokens and takes none.
	k.level, k.at = min(rate.Capacity, k.level+max(0, now-k.at)*rate.PerSecond), now
	if k.level-rate.Left >= pay.Token {
		k.level -= pay.Token
		return 0, nil
	}
	turn := max(k.turns[c], now+up(rate.Left+pay.Token-k.level, rate.PerSecond))
	if most := pay.MaxTurn.Microseconds(); turn-now > most {
		return pay.MaxTurn, nil
	}
	k.turns[c] = turn + up(pay.Token, rate.PerSecond)
	return time.Duration(turn-now) * time.Microsecond, nil
}

// up divides and rounds up.
func up(n, by int64) int64 { return (n + by - 1) / by }
