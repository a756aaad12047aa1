package retry

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// Source is where jitter is drawn from: a number in [0, n), n ≥ 1. A *rand.Rand of math/rand/v2 is one.
type Source interface{ Int64N(n int64) int64 }

// SystemSource draws from the process's own generator, which is seeded at random. Deployed functions use it; tests and
// simulations give a seeded *rand.Rand.
func SystemSource() Source { return systemSource{} }

type systemSource struct{}

// Int64N needs no secrecy: a delay that can be guessed does no harm.
func (systemSource) Int64N(n int64) int64 { return rand.Int64N(n) } //nolint:gosec // G404: jitter is no secret

// MaxVisibility is the longest backoff of a returned message. Longer would leave its group waiting long after a
// dependency came back.
const MaxVisibility = 30 * time.Second

// FullJitter is backoff with full jitter: before attempt n + 1 it waits uniformly in [0, min(limit, base·2^(n−1))].
// The jitter of cenkalti's own exponential backoff is ± a share of the delay, so that callers that failed together
// come back nearly together; full jitter spreads them over the whole interval. Safe for concurrent use, also with a
// source that is not.
type FullJitter struct {
	base, limit time.Duration

	mu      sync.Mutex
	source  Source
	attempt int
}

var _ backoff.BackOff = (*FullJitter)(nil)

// NewFullJitter makes a backoff. base and limit below one nanosecond are taken as one; source must not be nil.
func NewFullJitter(base, limit time.Duration, source Source) *FullJitter {
	base = max(base, 1)
	return &FullJitter{base: base, limit: max(limit, base), source: source}
}

// NextBackOff implements backoff.BackOff: the delay after the next failed attempt since Reset.
func (j *FullJitter) NextBackOff() time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.attempt++
	return j.draw(j.attempt)
}

// Reset implements backoff.BackOff.
func (j *FullJitter) Reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.attempt = 0
}

// Delay draws the delay after the failed attempt of that number, counted from 1, and leaves the own count alone.
func (j *FullJitter) Delay(attempt int) time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.draw(attempt)
}

// draw needs the lock.
func (j *FullJitter) draw(attempt int) time.Duration {
	ceiling := j.base
	// By doubling, since base << n overflows for the receive counts that a long outage leaves behind.
	for range attempt - 1 {
		if ceiling >= j.limit/2 {
			ceiling = j.limit
			break
		}
		ceiling *= 2
	}
	return time.Duration(j.source.Int64N(int64(min(ceiling, j.limit)) + 1))
}
