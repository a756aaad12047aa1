package gateway

import (
	"sync"
	"time"
)

// Throttle is a token bucket over all routes, like the default route settings of a stage. A nil Throttle allows everything. It is
// safe for concurrent use.
type Throttle struct {
	rate  float64
	burst float64

	mu     sync.Mutex
	tokens float64
	at     time.Time
}

// NewThrottle allows rate requests a second on average and burst at once. The bucket starts full.
func NewThrottle(rate, burst float64) *Throttle {
	return &Throttle{rate: rate, burst: burst, tokens: burst}
}

func (t *Throttle) allow(now time.Time) bool {
	if t == nil {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.at.IsZero() && now.After(t.at) {
		t.tokens = min(t.burst, t.tokens+now.Sub(t.at).Seconds()*t.rate)
	}
	t.at = now
	if t.tokens < 1 {
		return false
	}
	t.tokens--
	return true
}
