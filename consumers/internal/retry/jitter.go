package retry

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// Source is a source of random numbers for jitter: Int64N returns a number in [0, n), for n ≥ 1. A *rand.Rand of math/rand/v2
// is one; FullJitter serialises its calls.
type Source interface{ Int64N(n int64) int64 }

// SystemSource returns the process's own generator, which is randomly seeded. Deployed functions use it; tests and simulations
// use a seeded *rand.Rand.
func SystemSource() Source { return systemSource{} }

type systemSource struct{}

// Int64N implements Source. A delay that can be predicted does no harm, so the generator need not be cryptographic.
func (systemSource) Int64N(n int64) int64 { return rand.Int64N(n) } //nolint:gosec // G404: jitter is no secret

// MaxVisibility is the longest backoff of a returned message. With a longer one its group would wait long after a dependency
// has recovered.
const MaxVisibility = 30 * time.Second

// FullJitter is backoff with full jitter: the wait before attempt n + 1 is uniform in [0, min(limit, base·2^(n−1))].
// cenkalti's own exponential backoff varies the delay only by a fraction, so callers that failed together retry nearly
// together; full jitter spreads them over the whole interval. It is safe for concurrent use, even if its source is not.
type FullJitter struct {
	base, limit time.Duration

	mu      sync.Mutex
	source  Source
	attempt int
}

var _ backoff.BackOff = (*FullJitter)(nil)

// NewFullJitter returns a FullJitter. A base below one nanosecond counts as one nanosecond, and a limit below base as base.
// source must not be nil.
func NewFullJitter(base, limit time.Duration, source Source) *FullJitter {
	base = max(base, 1)
	return &FullJitter{base: base, limit: max(limit, base), source: source}
}

// NextBackOff implements backoff.BackOff. It counts one more failed attempt since Reset and returns the delay after it.
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

// Delay returns a delay after the failed attempt of that number, counted from 1. It does not change the count of NextBackOff.
func (j *FullJitter) Delay(attempt int) time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.draw(attempt)
}

// draw returns the delay after a failed attempt. The caller holds the lock.
func (j *FullJitter) draw(attempt int) time.Duration {
	ceiling := j.base
	// Doubling, because base << n overflows for the receive counts after a long outage.
	for range attempt - 1 {
		if ceiling >= j.limit/2 {
			ceiling = j.limit
			break
		}
		ceiling *= 2
	}
	return time.Duration(j.source.Int64N(int64(min(ceiling, j.limit)) + 1))
}
