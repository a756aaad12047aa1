// Package memrate is a bucket of tokens in memory: the specification of the one in Redis, and what an instance goes by
// alone while it cannot reach that.
package memrate

import (
	"context"
	"sync"
	"time"

	"boxoffice/consumers/internal/pay"
)

// Bucket is safe for concurrent use.
type Bucket struct {
	rates pay.Rates
	now   func() time.Time

	mu sync.Mutex
	// all by name. One that is not there is full.
	all map[string]*bucket
}

var _ pay.Bucket = (*Bucket)(nil)

type bucket struct {
	// level is what it had at an instant, in millionths of a token and in Unix microseconds.
	level, at int64
	// turns are the instants from which the next refused caller of a class is called, in Unix microseconds.
	turns map[pay.Class]int64
}

// New makes full buckets.
func New(rates pay.Rates, now func() time.Time) *Bucket {
	return &Bucket{rates: rates, now: now, all: map[string]*bucket{}}
}

// Take implements pay.Bucket. It has no error.
func (b *Bucket) Take(_ context.Context, c pay.Class) (time.Duration, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	rate, now := b.rates.Of(c), b.now().UnixMicro()
	k, known := b.all[rate.Bucket]
	if !known {
		k = &bucket{level: rate.Capacity, at: now, turns: map[pay.Class]int64{}}
		b.all[rate.Bucket] = k
	}
	// A clock that goes back brings no tokens, and takes none.
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
